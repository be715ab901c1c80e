//! The loops of one function.

use std::collections::BTreeSet;
use wasmparser::{BinaryReaderError, FunctionBody, Operator};

/// What there is to know of a function's body.
pub(super) struct Body {
    loops: Vec<Loop>,
    /// The functions that it calls by name.
    calls: BTreeSet<u32>,
    /// Whether it calls anything, by name or by pointer.
    has_call: bool,
    /// Whether it catches exceptions.
    catches: bool,
    /// What it returns, if it does nothing but return a constant.
    constant: Option<u32>,
}

struct Loop {
    /// Its place among the function's instructions.
    at: usize,
    is_outermost: bool,
    /// Of all inside of it.
    has_call: bool,
    reads_variable: bool,
    has_loop: bool,
    has_way_out: bool,
}

/// What the instruction before was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Constant,
    /// One after which nothing follows.
    Leap,
    Other,
}

impl Body {
    pub(super) fn read(body: &FunctionBody<'_>) -> Result<Self, BinaryReaderError> {
        let mut found = Self {
            loops: Vec::new(),
            calls: BTreeSet::new(),
            has_call: false,
            catches: false,
            constant: None,
        };
        // The open blocks: the loops among them are places in `found.loops`.
        let mut open: Vec<Option<usize>> = Vec::new();
        let mut before = Before::Other;
        // Locals that are given constants: without optimisation, an address is one.
        let mut constants: BTreeSet<u32> = BTreeSet::new();
        for (at, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            let operator = operator?;
            match &operator {
                Operator::I32Const { value } if at == 0 => found.constant = Some(*value as u32),
                Operator::End => {}
                _ => found.constant = None,
            }
            match &operator {
                Operator::Loop { .. } => {
                    let is_outermost = open.iter().all(Option::is_none);
                    found.loops_of(&open, |one| one.has_loop = true);
                    open.push(Some(found.loops.len()));
                    found.loops.push(Loop {
                        at,
                        is_outermost,
                        has_call: false,
                        reads_variable: false,
                        has_loop: false,
                        has_way_out: false,
                    });
                }
                Operator::TryTable { .. } => {
                    found.catches = true;
                    open.push(None);
                }
                Operator::Block { .. } | Operator::If { .. } => open.push(None),
                // The last one closes the function.
                Operator::End => {
                    if let Some(Some(place)) = open.pop()
                        && before != Before::Leap
                    {
                        found.loops_of(&[Some(place)], |one| one.has_way_out = true);
                    }
                }
                Operator::Br { relative_depth }
                | Operator::BrIf { relative_depth }
                | Operator::BrOnNull { relative_depth }
                | Operator::BrOnNonNull { relative_depth } => {
                    found.leads_out(&open, *relative_depth);
                }
                Operator::BrTable { targets } => {
                    for depth in targets.targets() {
                        found.leads_out(&open, depth?);
                    }
                    found.leads_out(&open, targets.default());
                }
                Operator::Return => found.leads_out(&open, u32::MAX),
                Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                    if let Operator::Call { function_index } = operator {
                        found.calls.insert(function_index);
                    }
                    found.has_call = true;
                    found.loops_of(&open, |one| one.has_call = true);
                }
                Operator::I32Load { .. }
                | Operator::I64Load { .. }
                | Operator::I32Load8S { .. }
                | Operator::I32Load8U { .. }
                | Operator::I32Load16S { .. }
                | Operator::I32Load16U { .. }
                    if before == Before::Constant =>
                {
                    found.loops_of(&open, |one| one.reads_variable = true);
                }
                _ => {}
            }
            before = match operator {
                Operator::I32Const { .. } => Before::Constant,
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index }
                    if before == Before::Constant =>
                {
                    constants.insert(local_index);
                    Before::Other
                }
                Operator::LocalGet { local_index } if constants.contains(&local_index) => Before::Constant,
                Operator::Br { .. } | Operator::BrTable { .. } | Operator::Return | Operator::Unreachable => {
                    Before::Leap
                }
                _ => Before::Other,
            };
        }
        Ok(found)
    }

    /// Does something to each loop that is open.
    fn loops_of(&mut self, open: &[Option<usize>], mut change: impl FnMut(&mut Loop)) {
        for place in open.iter().flatten() {
            if let Some(one) = self.loops.get_mut(*place) {
                change(one);
            }
        }
    }

    /// Notes that a branch to this depth leaves the loops inside of its target.
    fn leads_out(&mut self, open: &[Option<usize>], depth: u32) {
        let kept = open.len().saturating_sub(depth as usize);
        self.loops_of(open.get(kept..).unwrap_or_default(), |one| one.has_way_out = true);
    }

    pub(super) fn calls(&self) -> &BTreeSet<u32> {
        &self.calls
    }

    pub(super) fn constant(&self) -> Option<u32> {
        self.constant
    }

    /// The places of the loops that are to look.
    pub(super) fn looking(&self) -> BTreeSet<usize> {
        let looks = |one: &&Loop| match one.has_call {
            true => !self.catches,
            false => {
                let may_last = self.has_call || one.has_loop || !one.has_way_out;
                one.reads_variable || (one.is_outermost && may_last)
            }
        };
        self.loops.iter().filter(looks).map(|one| one.at).collect()
    }
}

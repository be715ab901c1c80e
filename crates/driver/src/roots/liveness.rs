//! Which locals are still needed after each instruction.

use wasmparser::Operator;

/// A set of locals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set(Vec<u64>);

impl Set {
    fn new(locals: usize) -> Self {
        Self(vec![0; locals.div_ceil(64)])
    }

    pub(super) fn has(&self, local: u32) -> bool {
        self.0.get(local as usize / 64).is_some_and(|word| word & (1 << (local % 64)) != 0)
    }

    fn insert(&mut self, local: u32) {
        if let Some(word) = self.0.get_mut(local as usize / 64) {
            *word |= 1 << (local % 64);
        }
    }

    fn remove(&mut self, local: u32) {
        if let Some(word) = self.0.get_mut(local as usize / 64) {
            *word &= !(1 << (local % 64));
        }
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(one, other)| *one |= other);
    }
}

/// Where control may go from an instruction, beside the next one.
#[derive(Clone, Debug, Default)]
struct Edges {
    /// Whether it may go on with the next.
    falls_through: bool,
    targets: Vec<usize>,
}

/// For each of the instructions in `wanted`, the locals that are read after it
/// before they are written.
pub(super) fn live_after(operators: &[Operator<'_>], locals: usize, wanted: &[usize]) -> Vec<Set> {
    let edges = edges(operators);
    // Before each instruction; one more for the end.
    let mut live = vec![Set::new(locals); operators.len() + 1];
    let after = |live: &[Set], at: usize| {
        let mut set = Set::new(locals);
        if edges[at].falls_through {
            set.add(&live[at + 1]);
        }
        for target in &edges[at].targets {
            set.add(&live[*target]);
        }
        set
    };
    // Backwards over all, until a whole round changes nothing: loops make more
    // than one round necessary, one for each level of nesting at most.
    let mut changed = true;
    while changed {
        changed = false;
        for at in (0..operators.len()).rev() {
            let mut set = after(&live, at);
            match &operators[at] {
                Operator::LocalGet { local_index } => set.insert(*local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    set.remove(*local_index);
                }
                _ => {}
            }
            if set != live[at] {
                live[at] = set;
                changed = true;
            }
        }
    }
    wanted.iter().map(|at| after(&live, *at)).collect()
}

/// An open block.
struct Open {
    begin: usize,
    is_loop: bool,
    /// Instructions that branch to its end.
    waiting: Vec<usize>,
    /// An `if` whose other branch has not begun.
    without_else: bool,
    /// What a call inside may branch to, by the place of the call.
    catches: Vec<u32>,
}

fn edges(operators: &[Operator<'_>]) -> Vec<Edges> {
    let mut edges = vec![Edges { falls_through: true, targets: Vec::new() }; operators.len()];
    let open = |begin, is_loop, without_else, catches| Open {
        begin,
        is_loop,
        waiting: Vec::new(),
        without_else,
        catches,
    };
    let mut blocks = vec![open(0, false, false, Vec::new())];
    for (at, operator) in operators.iter().enumerate() {
        let branch = |blocks: &mut Vec<Open>, edges: &mut Vec<Edges>, depth: usize| {
            let Some(index) = blocks.len().checked_sub(depth + 1) else { return };
            if blocks[index].is_loop {
                edges[at].targets.push(blocks[index].begin);
            } else {
                blocks[index].waiting.push(at);
            }
        };
        match operator {
            Operator::Block { .. } => blocks.push(open(at, false, false, Vec::new())),
            Operator::Loop { .. } => blocks.push(open(at, true, false, Vec::new())),
            Operator::If { .. } => blocks.push(open(at, false, true, Vec::new())),
            Operator::TryTable { try_table } => {
                let label = |catch: &wasmparser::Catch| match catch {
                    wasmparser::Catch::One { label, .. }
                    | wasmparser::Catch::OneRef { label, .. }
                    | wasmparser::Catch::All { label }
                    | wasmparser::Catch::AllRef { label } => *label,
                };
                let catches = try_table.catches.iter().map(label).collect();
                blocks.push(open(at, false, false, catches));
            }
            Operator::Else => {
                // The first branch jumps over the second, and the condition into it.
                if let Some(top) = blocks.last_mut() {
                    top.without_else = false;
                    let begin = top.begin;
                    top.waiting.push(at);
                    edges[begin].targets.push(at + 1);
                }
                edges[at].falls_through = false;
            }
            Operator::End => {
                if let Some(block) = blocks.pop() {
                    for from in block.waiting {
                        edges[from].targets.push(at + 1);
                    }
                    if block.without_else {
                        edges[block.begin].targets.push(at + 1);
                    }
                }
            }
            Operator::Br { relative_depth } => {
                branch(&mut blocks, &mut edges, *relative_depth as usize);
                edges[at].falls_through = false;
            }
            Operator::BrIf { relative_depth } => branch(&mut blocks, &mut edges, *relative_depth as usize),
            Operator::BrTable { targets } => {
                let depths = targets.targets().flatten().chain([targets.default()]);
                for depth in depths {
                    branch(&mut blocks, &mut edges, depth as usize);
                }
                edges[at].falls_through = false;
            }
            Operator::Return | Operator::Unreachable | Operator::ThrowRef => edges[at].falls_through = false,
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::Throw { .. } => {
                // An exception may leave for each handler around.
                for inner in 0..blocks.len() {
                    for catch in 0..blocks[inner].catches.len() {
                        // Counted from outside of the block that has it.
                        let depth = blocks[inner].catches[catch] as usize + blocks.len() - inner;
                        branch(&mut blocks, &mut edges, depth);
                    }
                }
                if matches!(operator, Operator::Throw { .. }) {
                    edges[at].falls_through = false;
                }
            }
            _ => {}
        }
    }
    edges
}

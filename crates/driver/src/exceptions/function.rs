//! One function's exceptions.

use super::Translator;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Catch, Function, Instruction, RefType, ValType};
use wasmparser::{FuncType, FunctionBody, Operator};

/// A form of the old exceptions that no compiler is known to make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsupported {
    #[error("a type is missing")]
    Type,
    #[error("a tag with more than one value")]
    Tag,
    #[error("a block with parameters or several results around a handler")]
    Block,
    #[error("an instruction outside of the block that it belongs to")]
    Nesting,
}

const EXCEPTION: ValType = ValType::Ref(RefType::EXNREF);

/// A function, read and looked through.
pub(super) struct Body<'a> {
    operators: Vec<Operator<'a>>,
    locals: Vec<(u32, ValType)>,
    /// Parameters and locals together: the first new local.
    next_local: u32,
    result: BlockType,
    /// By the index of its `try` in `operators`.
    tries: Vec<(usize, Try)>,
    /// Whether a `delegate` hands exceptions to the function's caller.
    delegates_to_caller: bool,
}

/// What is known of one `try`.
#[derive(Debug, Default)]
struct Try {
    catches: Vec<Caught>,
    /// A `delegate` inside hands its exceptions to this one's handlers.
    is_delegated_to: bool,
    /// Set for one that ends in a `delegate` which skips handlers.
    delegates: Option<Target>,
}

/// One handler.
#[derive(Debug)]
struct Caught {
    /// `None` catches all.
    tag: Option<u32>,
    /// What the tag carries.
    value: Option<ValType>,
    /// Whether something in the handler throws the same exception again: where it
    /// is kept for that. A tag without a value needs no place.
    kept: Option<u32>,
    is_rethrown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The `try` at this index.
    Try(usize),
    Caller,
}

/// An open block of the old code.
#[derive(Clone, Copy)]
enum Open {
    Plain,
    Body(usize),
    Handler(usize, usize),
}

impl<'a> Body<'a> {
    pub(super) fn read<'t>(
        function: &FunctionBody<'a>,
        kind: &FuncType,
        tag_type: &dyn Fn(u32) -> Option<&'t FuncType>,
    ) -> Result<Self, Error<Unsupported>> {
        let mut locals = Vec::new();
        // BOUND: the parser caps the number of locals.
        let mut next_local = kind.params().len() as u32;
        for local in function.get_locals_reader()? {
            let (count, kind) = local?;
            next_local = next_local.saturating_add(count);
            locals.push((count, value_type(kind)?));
        }
        let operators = function.get_operators_reader()?.into_iter().collect::<Result<Vec<_>, _>>()?;
        let result = match kind.results() {
            [] => BlockType::Empty,
            [one] => BlockType::Result(value_type(*one)?),
            // Only needed if something is delegated to the caller.
            _ => BlockType::FunctionType(u32::MAX),
        };
        let mut body =
            Self { operators, locals, next_local, result, tries: Vec::new(), delegates_to_caller: false };
        body.look_through(tag_type).map_err(Error::UserError)?;
        Ok(body)
    }

    fn entry(&mut self, at: usize) -> Result<&mut Try, Unsupported> {
        let found = self.tries.binary_search_by_key(&at, |(index, _)| *index);
        found.map(|index| &mut self.tries[index].1).map_err(|_| Unsupported::Nesting)
    }

    fn look_through<'t>(
        &mut self,
        tag_type: &dyn Fn(u32) -> Option<&'t FuncType>,
    ) -> Result<(), Unsupported> {
        let mut open: Vec<Open> = Vec::new();
        let operators = std::mem::take(&mut self.operators);
        for (at, operator) in operators.iter().enumerate() {
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    open.push(Open::Plain);
                }
                Operator::TryTable { .. } => return Err(Unsupported::Nesting),
                Operator::Try { blockty } => {
                    if matches!(blockty, wasmparser::BlockType::FuncType(_)) {
                        return Err(Unsupported::Block);
                    }
                    self.tries.push((at, Try::default()));
                    open.push(Open::Body(at));
                }
                Operator::Catch { .. } | Operator::CatchAll => {
                    let (Some(Open::Body(begin)) | Some(Open::Handler(begin, _))) = open.pop() else {
                        return Err(Unsupported::Nesting);
                    };
                    let mut caught = Caught { tag: None, value: None, kept: None, is_rethrown: false };
                    if let Operator::Catch { tag_index } = operator {
                        caught.tag = Some(*tag_index);
                        caught.value = match tag_type(*tag_index).ok_or(Unsupported::Type)?.params() {
                            [] => None,
                            [one] => Some(value_type(*one).map_err(|_| Unsupported::Tag)?),
                            _ => return Err(Unsupported::Tag),
                        };
                    }
                    let catches = &mut self.entry(begin)?.catches;
                    catches.push(caught);
                    open.push(Open::Handler(begin, catches.len() - 1));
                }
                Operator::Rethrow { relative_depth } => {
                    let Some(Open::Handler(begin, handler)) = at_depth(&open, *relative_depth) else {
                        return Err(Unsupported::Nesting);
                    };
                    self.keep(begin, handler)?;
                }
                Operator::Delegate { relative_depth } => {
                    let Some(Open::Body(begin)) = open.pop() else { return Err(Unsupported::Nesting) };
                    let target = handler_of(&open, *relative_depth as usize);
                    if target != handler_of(&open, 0) {
                        match target {
                            Target::Caller => self.delegates_to_caller = true,
                            Target::Try(other) => self.entry(other)?.is_delegated_to = true,
                        }
                        self.entry(begin)?.delegates = Some(target);
                    }
                }
                // The last one ends the function itself.
                Operator::End => {
                    open.pop();
                }
                _ => {}
            }
        }
        self.operators = operators;
        if self.delegates_to_caller && matches!(self.result, BlockType::FunctionType(_)) {
            return Err(Unsupported::Block);
        }
        Ok(())
    }

    /// Makes a place for the exception of a handler that throws it again.
    fn keep(&mut self, begin: usize, handler: usize) -> Result<(), Unsupported> {
        let next_local = self.next_local;
        let caught = self.entry(begin)?.catches.get_mut(handler).ok_or(Unsupported::Nesting)?;
        caught.is_rethrown = true;
        let kind = if caught.tag.is_none() { Some(EXCEPTION) } else { caught.value };
        if caught.kept.is_none()
            && let Some(kind) = kind
        {
            caught.kept = Some(next_local);
            self.locals.push((1, kind));
            self.next_local += 1;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, translator: &mut Translator<'_>) -> Result<Function, Error<Unsupported>> {
        let mut writer = Writer {
            function: Function::new(self.locals.iter().copied()),
            labels: Vec::new(),
            depth: 1,
            delegates: Vec::new(),
        };
        writer.labels.push(Label { target: 0, open: Written::Plain });
        if self.delegates_to_caller {
            writer.open(&Instruction::Block(self.result));
            writer.open(&Instruction::Block(BlockType::Result(EXCEPTION)));
            writer.delegates.push((Target::Caller, writer.depth - 1));
        }
        let operators = std::mem::take(&mut self.operators);
        let last = operators.len().saturating_sub(1);
        for (at, operator) in operators.into_iter().enumerate() {
            if at == last {
                if self.delegates_to_caller {
                    // What the body leaves on the stack are the function's results.
                    writer.branch(1);
                    writer.close();
                    writer.function.instruction(&Instruction::ThrowRef);
                    writer.close();
                }
                writer.function.instruction(&Instruction::End);
                break;
            }
            self.instruction(at, operator, &mut writer, translator)?;
        }
        Ok(writer.function)
    }

    fn instruction(
        &self,
        at: usize,
        operator: Operator<'a>,
        writer: &mut Writer,
        translator: &mut Translator<'_>,
    ) -> Result<(), Error<Unsupported>> {
        let nesting = || Error::UserError(Unsupported::Nesting);
        match operator {
            Operator::Try { blockty } => {
                let block = translator.block_type(blockty)?;
                self.begin(at, block, writer).map_err(Error::UserError)?;
            }
            Operator::Catch { .. } | Operator::CatchAll => {
                let Some(Label { target, open: Written::Try { begin, handler } }) = writer.labels.pop()
                else {
                    return Err(nesting());
                };
                let one = self.find(begin).ok_or_else(nesting)?;
                let next = handler.map_or(0, |handler| handler + 1);
                if handler.is_none() {
                    writer.end_body(one.is_delegated_to);
                }
                writer.branch(writer.depth - 1 - target);
                writer.close();
                let caught = one.catches.get(next).ok_or_else(nesting)?;
                if let Some(local) = caught.kept {
                    // A handler of a tag begins with the tag's value on the stack.
                    let keep: fn(u32) -> Instruction<'static> =
                        if caught.tag.is_some() { Instruction::LocalTee } else { Instruction::LocalSet };
                    writer.function.instruction(&keep(local));
                }
                writer.labels.push(Label { target, open: Written::Try { begin, handler: Some(next) } });
            }
            Operator::Delegate { .. } => {
                writer.labels.pop().ok_or_else(nesting)?;
                writer.close();
            }
            Operator::Rethrow { relative_depth } => {
                let label = writer.label(relative_depth).ok_or_else(nesting)?;
                let Written::Try { begin, handler: Some(handler) } = label.open else {
                    return Err(nesting());
                };
                let caught = self.find(begin).and_then(|one| one.catches.get(handler)).ok_or_else(nesting)?;
                if let Some(local) = caught.kept {
                    writer.function.instruction(&Instruction::LocalGet(local));
                }
                writer.function.instruction(&match caught.tag {
                    Some(tag) => Instruction::Throw(tag),
                    None => Instruction::ThrowRef,
                });
            }
            Operator::End => {
                writer.labels.pop().ok_or_else(nesting)?;
                writer.close();
            }
            Operator::Br { relative_depth } => {
                let depth = writer.relative(relative_depth).ok_or_else(nesting)?;
                writer.function.instruction(&Instruction::Br(depth));
            }
            Operator::BrIf { relative_depth } => {
                let depth = writer.relative(relative_depth).ok_or_else(nesting)?;
                writer.function.instruction(&Instruction::BrIf(depth));
            }
            Operator::BrTable { targets } => {
                let default = writer.relative(targets.default()).ok_or_else(nesting)?;
                let mut depths = Vec::new();
                for target in targets.targets() {
                    depths.push(writer.relative(target?).ok_or_else(nesting)?);
                }
                writer.function.instruction(&Instruction::BrTable(depths.into(), default));
            }
            other => {
                let opens =
                    matches!(other, Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. });
                let instruction = translator.instruction(other)?;
                writer.function.instruction(&instruction);
                if opens {
                    writer.labels.push(Label { target: writer.depth, open: Written::Plain });
                    writer.depth += 1;
                }
            }
        }
        Ok(())
    }

    fn find(&self, begin: usize) -> Option<&Try> {
        let found = self.tries.binary_search_by_key(&begin, |(index, _)| *index);
        found.ok().map(|index| &self.tries[index].1)
    }

    /// Opens all that stands for a `try`.
    fn begin(&self, at: usize, block: BlockType, writer: &mut Writer) -> Result<(), Unsupported> {
        let one = self.find(at).ok_or(Unsupported::Nesting)?;
        let target = writer.depth;
        if one.catches.is_empty() {
            // Ends in a delegate, or has no handler at all.
            match one.delegates {
                Some(to) => {
                    let delegates = writer.delegates.iter().rev().find(|(whose, _)| *whose == to);
                    let place = delegates.ok_or(Unsupported::Nesting)?.1;
                    let depth = writer.depth - 1 - place;
                    let catch = Catch::AllRef { label: depth };
                    writer.open(&Instruction::TryTable(block, [catch].as_slice().into()));
                }
                None => writer.open(&Instruction::Block(block)),
            }
            writer.labels.push(Label { target, open: Written::Plain });
            return Ok(());
        }
        writer.open(&Instruction::Block(block));
        for caught in one.catches.iter().rev() {
            let result = match (caught.tag, caught.value) {
                (Some(_), Some(value)) => BlockType::Result(value),
                (None, _) if caught.is_rethrown => BlockType::Result(EXCEPTION),
                _ => BlockType::Empty,
            };
            writer.open(&Instruction::Block(result));
        }
        let catches = one.catches.iter().zip(0..).map(|(caught, label)| match caught.tag {
            Some(tag) => Catch::One { tag, label },
            None if caught.is_rethrown => Catch::AllRef { label },
            None => Catch::All { label },
        });
        let catches: Vec<Catch> = catches.collect();
        writer.open(&Instruction::TryTable(block, catches.as_slice().into()));
        if one.is_delegated_to {
            writer.open(&Instruction::Block(block));
            writer.open(&Instruction::Block(BlockType::Result(EXCEPTION)));
            writer.delegates.push((Target::Try(at), writer.depth - 1));
        }
        writer.labels.push(Label { target, open: Written::Try { begin: at, handler: None } });
        Ok(())
    }
}

/// An open block of the old code, with its label in the new.
struct Label {
    /// The number of new labels outside of it.
    target: u32,
    open: Written,
}

#[derive(Clone, Copy)]
enum Written {
    Plain,
    Try { begin: usize, handler: Option<usize> },
}

/// The new code.
struct Writer {
    function: Function,
    labels: Vec<Label>,
    /// How many new labels are open, the function's own among them.
    depth: u32,
    /// For each `try` that is delegated to, and perhaps the caller: the label of
    /// the block which takes the exception.
    delegates: Vec<(Target, u32)>,
}

impl Writer {
    fn open(&mut self, instruction: &Instruction<'_>) {
        self.function.instruction(instruction);
        self.depth += 1;
    }

    fn close(&mut self) {
        self.function.instruction(&Instruction::End);
        self.depth -= 1;
    }

    fn branch(&mut self, depth: u32) {
        self.function.instruction(&Instruction::Br(depth));
    }

    /// Ends the `try_table` of a body.
    fn end_body(&mut self, is_delegated_to: bool) {
        if is_delegated_to {
            self.branch(1);
            self.close();
            self.function.instruction(&Instruction::ThrowRef);
            self.close();
            self.delegates.pop();
        }
        self.close();
    }

    fn label(&self, old_depth: u32) -> Option<&Label> {
        self.labels.iter().rev().nth(old_depth as usize)
    }

    /// The new depth of an old label.
    fn relative(&self, old_depth: u32) -> Option<u32> {
        self.label(old_depth).map(|label| self.depth - 1 - label.target)
    }
}

fn at_depth(open: &[Open], depth: u32) -> Option<Open> {
    open.iter().rev().nth(depth as usize).copied()
}

/// Which handlers an exception meets first that is thrown inside the block at
/// this depth.
fn handler_of(open: &[Open], depth: usize) -> Target {
    let outward = open.iter().rev().skip(depth);
    outward
        .filter_map(|one| if let Open::Body(at) = one { Some(Target::Try(*at)) } else { None })
        .next()
        .unwrap_or(Target::Caller)
}

fn value_type(kind: wasmparser::ValType) -> Result<ValType, Error<Unsupported>> {
    ValType::try_from(kind).map_err(|_| Error::UserError(Unsupported::Type))
}

//! What one function keeps, and where.

use super::{Writer, liveness};
use crate::declarations::Declarations;
use std::collections::BTreeMap;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{BlockType, Function, Instruction, MemArg, ValType};
use wasmparser::{FuncValidator, FunctionBody, Operator, ValidatorResources};

type Validator = FuncValidator<ValidatorResources>;

/// The linker's stack pointer.
const STACK_POINTER: u32 = 0;

/// A frame is a multiple of this, as the compiler's are.
const ALIGNMENT: u32 = 16;

/// What is written before which call.
pub(super) struct Plan {
    /// By the place of a call: the locals, the function's own and the new ones.
    calls: BTreeMap<usize, Vec<u32>>,
    /// By the place of an instruction: the new local that takes its result as well.
    tees: BTreeMap<usize, u32>,
    /// The slot of each local that is kept.
    slots: BTreeMap<u32, u32>,
    /// The local that holds the address of the frame; new ones follow it.
    frame: u32,
    new_locals: u32,
    result: BlockType,
}

impl Plan {
    pub(super) fn keeps_anything(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Looks through a function, which is validated on the way.
    pub(super) fn make(
        body: &FunctionBody<'_>,
        validator: &mut Validator,
        declarations: &Declarations,
    ) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader)?;
        let locals = validator.len_locals();
        let mut plan = Self {
            calls: BTreeMap::new(),
            tees: BTreeMap::new(),
            slots: BTreeMap::new(),
            frame: locals,
            new_locals: 1,
            result: BlockType::Empty,
        };
        let kind = declarations.type_of(validator.index());
        match kind.map(wasmparser::FuncType::results) {
            Some([]) => {}
            Some([one]) => match ValType::try_from(*one) {
                Ok(one) => plan.result = BlockType::Result(one),
                Err(_) => return Ok(plan),
            },
            // No compiler of C makes functions with several results.
            _ => return Ok(plan),
        }
        let mut operators = Vec::new();
        let mut wanted = Vec::new();
        let mut producers: Vec<usize> = Vec::new();
        let mut under: Vec<Vec<usize>> = Vec::new();
        // The heights at which the open blocks began.
        let mut bases: Vec<usize> = vec![0];
        let mut operators_reader = wasmparser::OperatorsReader::new(reader);
        while !operators_reader.eof() {
            let (operator, offset) = operators_reader.read_with_offset()?;
            let at = operators.len();
            if let Some(arguments) = arguments_of(&operator, declarations) {
                wanted.push(at);
                let height = validator.operand_stack_height() as usize;
                let below = height.saturating_sub(arguments);
                let is_pointer = |place: &usize| {
                    let depth = height - 1 - place;
                    let kind = validator.get_operand_type(depth);
                    kind == Some(Some(wasmparser::ValType::I32))
                };
                let waiting = (0..below).filter(is_pointer).filter_map(|place| producers.get(place).copied());
                under.push(waiting.collect());
            }
            validator.op(offset, &operator)?;
            let height = validator.operand_stack_height() as usize;
            match operator {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. } => bases.push(height),
                // What a block gives comes from every branch to its end.
                Operator::End => producers.truncate(bases.pop().unwrap_or_default()),
                Operator::Else => producers.truncate(bases.last().copied().unwrap_or_default()),
                _ if pushes(&operator, declarations) => producers.truncate(height.saturating_sub(1)),
                _ => {}
            }
            producers.resize(height, at);
            operators.push(operator);
        }
        let live = liveness::live_after(&operators, locals as usize, &wanted);
        for ((call, live), waiting) in wanted.iter().zip(&live).zip(under) {
            let own = (0..locals).filter(|local| {
                live.has(*local) && validator.get_local_type(*local) == Some(wasmparser::ValType::I32)
            });
            let mut kept: Vec<u32> = own.collect();
            for producer in waiting {
                let next = plan.frame + plan.new_locals;
                let tee = *plan.tees.entry(producer).or_insert(next);
                plan.new_locals += u32::from(tee == next);
                kept.push(tee);
            }
            for local in &kept {
                let next = plan.slots.len() as u32;
                plan.slots.entry(*local).or_insert(next);
            }
            if !kept.is_empty() {
                plan.calls.insert(*call, kept);
            }
        }
        Ok(plan)
    }

    pub(super) fn write(
        &self,
        body: &FunctionBody<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<Function, Error<std::convert::Infallible>> {
        let mut locals = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, kind) = local?;
            locals.push((count, writer.val_type(kind)?));
        }
        locals.push((self.new_locals, ValType::I32));
        let mut function = Function::new(locals);
        let size = (self.slots.len() as u32 * 4).next_multiple_of(ALIGNMENT) as i32;
        function.instruction(&Instruction::GlobalGet(STACK_POINTER));
        function.instruction(&Instruction::I32Const(size));
        function.instruction(&Instruction::I32Sub);
        function.instruction(&Instruction::LocalTee(self.frame));
        function.instruction(&Instruction::GlobalSet(STACK_POINTER));
        // All that leaves the function leaves this block, so that the stack
        // pointer is put back in one place.
        function.instruction(&Instruction::Block(self.result));
        let mut depth = 0;
        for (at, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            let operator = operator?;
            for local in self.calls.get(&at).into_iter().flatten() {
                let slot = self.slots.get(local).copied().unwrap_or_default();
                function.instruction(&Instruction::LocalGet(self.frame));
                function.instruction(&Instruction::LocalGet(*local));
                let place = MemArg { offset: u64::from(slot) * 4, align: 2, memory_index: 0 };
                function.instruction(&Instruction::I32Store(place));
            }
            match operator {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. } => depth += 1,
                Operator::End => depth -= 1,
                _ => {}
            }
            if matches!(operator, Operator::Return) {
                function.instruction(&Instruction::Br(depth as u32));
            } else {
                function.instruction(&writer.instruction(operator)?);
            }
            if let Some(local) = self.tees.get(&at) {
                function.instruction(&Instruction::LocalTee(*local));
            }
        }
        // The function's own end has closed the block.
        function.instruction(&Instruction::LocalGet(self.frame));
        function.instruction(&Instruction::I32Const(size));
        function.instruction(&Instruction::I32Add);
        function.instruction(&Instruction::GlobalSet(STACK_POINTER));
        function.instruction(&Instruction::End);
        Ok(function)
    }
}

/// The number of arguments of a call of something in the guest.
fn arguments_of(operator: &Operator<'_>, declarations: &Declarations) -> Option<usize> {
    match operator {
        Operator::Call { function_index } if !declarations.is_import(*function_index) => {
            declarations.type_of(*function_index).map(|kind| kind.params().len())
        }
        // The place in the table lies above them.
        Operator::CallIndirect { type_index, .. } => {
            declarations.function_type(*type_index).map(|kind| kind.params().len() + 1)
        }
        _ => None,
    }
}

/// Whether an instruction leaves a new value on the stack.
fn pushes(operator: &Operator<'_>, declarations: &Declarations) -> bool {
    use Operator as O;
    match operator {
        O::Call { function_index } => {
            declarations.type_of(*function_index).is_some_and(|kind| !kind.results().is_empty())
        }
        O::CallIndirect { type_index, .. } => {
            declarations.function_type(*type_index).is_some_and(|kind| !kind.results().is_empty())
        }
        O::Nop | O::Drop | O::LocalSet { .. } | O::GlobalSet { .. } => false,
        O::I32Store { .. } | O::I64Store { .. } | O::F32Store { .. } | O::F64Store { .. } => false,
        O::I32Store8 { .. } | O::I32Store16 { .. } => false,
        O::I64Store8 { .. } | O::I64Store16 { .. } | O::I64Store32 { .. } => false,
        O::V128Store { .. }
        | O::V128Store8Lane { .. }
        | O::V128Store16Lane { .. }
        | O::V128Store32Lane { .. }
        | O::V128Store64Lane { .. } => false,
        O::MemoryCopy { .. } | O::MemoryFill { .. } | O::MemoryInit { .. } | O::DataDrop { .. } => false,
        O::TableSet { .. } | O::TableFill { .. } | O::TableCopy { .. } | O::TableInit { .. } => false,
        O::ElemDrop { .. } | O::AtomicFence => false,
        O::Block { .. } | O::Loop { .. } | O::If { .. } | O::Else | O::End | O::TryTable { .. } => false,
        O::Br { .. } | O::BrIf { .. } | O::BrTable { .. } | O::Return | O::Unreachable => false,
        O::Throw { .. } | O::ThrowRef => false,
        _ => true,
    }
}

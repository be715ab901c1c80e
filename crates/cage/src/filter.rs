//! The system call filter: from the table of rules to the kernel.

use crate::policy::{Check, Rule};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};
use std::collections::BTreeMap;

/// Allows what `rules` say to all threads of this process; anything else ends
/// the process with SIGSYS. Calls of another processor mode (32-bit) have no rule.
pub(crate) fn install(rules: &[Rule]) -> Result<(), seccompiler::Error> {
    apply_filter_all_threads(&program(rules)?)
}

fn program(rules: &[Rule]) -> Result<BpfProgram, BackendError> {
    let mut by_number = BTreeMap::new();
    for rule in rules {
        by_number.insert(rule.number, alternatives(rule.checks)?);
    }
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter =
        SeccompFilter::new(by_number, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?;
    filter.try_into()
}

/// All checks of a rule must hold. The library knows conditions that hold
/// together, and lists of which one must match; so each value of a `OneOf` is an
/// alternative of its own.
fn alternatives(checks: &[Check]) -> Result<Vec<SeccompRule>, BackendError> {
    let mut alternatives = vec![Vec::new()];
    for check in checks {
        let conditions = match *check {
            Check::NoneOf { argument, bits } => vec![condition(argument, SeccompCmpOp::MaskedEq(bits), 0)?],
            Check::OneOf { argument, values } => values
                .iter()
                .map(|value| condition(argument, SeccompCmpOp::Eq, *value))
                .collect::<Result<_, _>>()?,
        };
        alternatives = alternatives
            .iter()
            .flat_map(|before| {
                conditions.iter().map(move |condition| {
                    let mut together: Vec<SeccompCondition> = before.clone();
                    together.push(condition.clone());
                    together
                })
            })
            .collect();
    }
    let rules = alternatives.into_iter().filter(|together| !together.is_empty());
    rules.map(SeccompRule::new).collect()
}

/// The arguments that are looked at are all `int`s, of which the kernel ignores
/// the upper half.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

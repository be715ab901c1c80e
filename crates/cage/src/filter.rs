//! The system call filter: from the table of rules to the kernel.

use crate::policy::{Check, Rule};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// Allows what `rules` say to all threads of this process; anything else ends
/// the process with SIGSYS. Calls of another processor mode (32-bit) have no rule.
/// `window` is what [`Check::InWindow`] means.
pub(crate) fn install(rules: &[Rule], window: &Range<u64>) -> Result<(), seccompiler::Error> {
    apply_filter_all_threads(&program(rules, window)?)
}

fn program(rules: &[Rule], window: &Range<u64>) -> Result<BpfProgram, BackendError> {
    // A call without checks has no alternatives; none has rules with and without.
    let mut by_number: BTreeMap<_, Vec<SeccompRule>> = BTreeMap::new();
    for rule in rules {
        by_number.entry(rule.number).or_default().extend(alternatives(rule.checks, window)?);
    }
    let architecture = std::env::consts::ARCH.try_into()?;
    let filter =
        SeccompFilter::new(by_number, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?;
    filter.try_into()
}

/// All checks of a rule must hold. The library knows conditions that hold
/// together, and lists of which one must match; so each value of a `OneOf` is an
/// alternative of its own.
fn alternatives(checks: &[Check], window: &Range<u64>) -> Result<Vec<SeccompRule>, BackendError> {
    let mut alternatives = vec![Vec::new()];
    for check in checks {
        let ways: Vec<Vec<SeccompCondition>> = match *check {
            // An int, of which the kernel ignores the upper half. Where it does not
            // (mmap), no bit of that half means anything.
            Check::OneOf { argument, values } => values
                .iter()
                .map(|value| {
                    let equal = SeccompCmpOp::Eq;
                    Ok(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, equal, *value)?])
                })
                .collect::<Result<_, BackendError>>()?,
            Check::InWindow { argument } => {
                let address = |operator, value| {
                    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)
                };
                vec![vec![address(SeccompCmpOp::Ge, window.start)?, address(SeccompCmpOp::Lt, window.end)?]]
            }
        };
        alternatives = alternatives
            .iter()
            .flat_map(|before: &Vec<SeccompCondition>| {
                ways.iter().map(move |way| before.iter().chain(way).cloned().collect())
            })
            .collect();
    }
    let rules = alternatives.into_iter().filter(|together| !together.is_empty());
    rules.map(SeccompRule::new).collect()
}

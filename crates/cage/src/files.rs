//! Landlock: no file, no network address, no signal to others. The system call
//! filter refuses all these too; this wall stands where a filter has a hole, and
//! from the process's first moment on.

use bellglass_wire::Wall;
use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};

/// The newest set of rights that this version asks for; an older kernel refuses
/// those of them that it knows.
const NEWEST: ABI = ABI::V6;

/// Refuses everything that Landlock can refuse on this kernel.
pub(crate) fn refuse_all() -> Wall {
    let name = "landlock".to_owned();
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => Wall { name, active: true, detail: String::new() },
        Ok(RulesetStatus::PartiallyEnforced) => {
            let detail = "this kernel knows a part of what is refused".to_owned();
            Wall { name, active: true, detail }
        }
        Ok(RulesetStatus::NotEnforced) => {
            let detail =
                "this kernel has no Landlock, or it is not switched on (boot option lsm=)".to_owned();
            Wall { name, active: false, detail }
        }
        Err(error) => Wall { name, active: false, detail: error.to_string() },
    }
}

fn restrict() -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    // Not one rule is added: nothing is allowed.
    Ok(ruleset.restrict_self()?.ruleset)
}

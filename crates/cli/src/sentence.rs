//! An error as one sentence.

/// What the error says, and its causes as far as it does not say them already: many
/// of ours have their cause in the middle of the sentence.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| {
        let cause = cause.to_string();
        match said.contains(&cause) {
            _ if said.is_empty() => cause,
            true => said,
            false => format!("{said}: {cause}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn nothing_is_said_twice_and_nothing_is_left_out() {
        let error = anyhow!("no such file").context("cannot read x (no such file): look there");
        assert_eq!(sentence(&error), "cannot read x (no such file): look there");
        let error = anyhow!("no such file").context("cannot read x").context("cannot begin");
        assert_eq!(sentence(&error), "cannot begin: cannot read x: no such file");
    }
}

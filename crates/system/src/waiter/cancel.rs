//! Why a run must end.

use crate::Stop;

/// Looks, in the thread that answers the guest's calls, whether the run must end.
pub type Look = Box<dyn Fn() -> Option<Stop> + Send>;

/// Why a run must end, apart from its deadline.
#[derive(Default)]
pub(super) struct Cancel {
    /// The first cause stays.
    stop: Option<Stop>,
    look: Option<Look>,
}

impl Cancel {
    /// Ends the run for this cause, or an earlier one. Whether it is the first.
    pub(super) fn stop(&mut self, cause: Stop) -> bool {
        let first = self.stop.is_none();
        self.stop.get_or_insert(cause);
        first
    }

    /// Why it must end, if something said so.
    pub(super) fn stopped(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// Why it must end, as the one who looks sees it too.
    pub(super) fn looked(&mut self) -> Option<&Stop> {
        if self.stop.is_none() {
            self.stop = self.look.as_ref().and_then(|look| look());
        }
        self.stop.as_ref()
    }

    pub(super) fn look_by(&mut self, look: Option<Look>) -> Option<Look> {
        std::mem::replace(&mut self.look, look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LimitKind;

    #[test]
    fn the_first_cause_to_stop_stays() {
        let mut cancel = Cancel::default();
        assert_eq!(cancel.looked(), None);
        let first = Stop::Limit(LimitKind::Output.at(1));
        assert!(cancel.stop(first.clone()));
        assert!(!cancel.stop(Stop::Killed));
        cancel.look_by(Some(Box::new(|| panic!("it is known already"))));
        assert_eq!(cancel.stopped(), Some(&first));
        assert_eq!(cancel.looked(), Some(&first));
    }

    #[test]
    fn what_the_one_who_looks_has_seen_stays() {
        let mut cancel = Cancel::default();
        cancel.look_by(Some(Box::new(|| Some(Stop::Killed))));
        assert_eq!(cancel.stopped(), None, "nobody looked");
        assert_eq!(cancel.looked(), Some(&Stop::Killed));
        cancel.look_by(None);
        assert_eq!(cancel.stopped(), Some(&Stop::Killed));
    }
}

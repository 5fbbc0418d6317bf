//! Named places where a test can make the process panic or die. Compiled to nothing without the `fail-points` feature,
//! which no release has. A new place joins every loop over [`FailPoint::ALL`] by being named here.

macro_rules! fail_points {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// A place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailPoint {
            $($(#[$doc])* $variant,)+
        }

        impl FailPoint {
            /// Every place, in the order of a checkout's way.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

fail_points! {
    /// The checkout is decided, and not yet in the store.
    CheckoutBeforeCommit = "checkout.before-commit",
    /// It is in the store; nobody was told.
    CheckoutCommitted = "checkout.committed",
    /// A fleet was told that there is work for a switch.
    SwitchWoken = "switch.woken",
    /// A supervisor has chosen the job.
    JobChosen = "job.chosen",
    /// The job is on record as running.
    JobStarted = "job.started",
    /// The session is open.
    SessionOpened = "session.opened",
    /// The port was read.
    PortRead = "port.read",
    /// The lines are on record; none was sent.
    LinesJournaled = "lines.journaled",
    /// The lines were sent.
    LinesSent = "lines.sent",
    /// The port was read back, and is as wanted.
    PortVerified = "port.verified",
    /// The outcome and its events are in the store; nobody was told.
    OutcomeCommitted = "outcome.committed",
    /// The running configuration was saved; that is not on record.
    ConfigurationSaved = "configuration.saved",
    /// That it was saved is on record.
    SaveCommitted = "save.committed",
    /// An event was chosen for sending.
    DeliveryChosen = "delivery.chosen",
    /// It is on record as being sent.
    DeliveryTaken = "delivery.taken",
    /// It was acknowledged; that is not on record.
    DeliverySent = "delivery.sent",
    /// That it was acknowledged is on record.
    DeliveryCommitted = "delivery.committed",
}

/// Says that a place was reached.
pub fn reach(point: FailPoint) {
    fail::fail_point!(point.name());
    let _ = point;
}

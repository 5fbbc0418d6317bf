//! Named places where a test can make the process panic, halt or die. Compiled to nothing without the `fail-points` feature,
//! which no release has. A new place joins every loop over [`FailPoint::ALL`] by being named here, and when a checkout
//! always passes it, every loop over [`FailPoint::ON_THE_WAY`] by being named there.

macro_rules! fail_points {
    (
        on the way { $($(#[$way_doc:meta])* $way:ident = $way_name:literal),+ $(,)? }
        aside { $($(#[$aside_doc:meta])* $aside:ident = $aside_name:literal),+ $(,)? }
    ) => {
        /// A place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailPoint {
            $($(#[$way_doc])* $way,)+
            $($(#[$aside_doc])* $aside,)+
        }

        impl FailPoint {
            /// Every place.
            pub const ALL: &'static [Self] = &[$(Self::$way,)+ $(Self::$aside),+];

            /// Those that every direct checkout passes, from its acceptance to its event's delivery, in the order of its way.
            pub const ON_THE_WAY: &'static [Self] = &[$(Self::$way),+];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$way => $way_name,)+
                    $(Self::$aside => $aside_name,)+
                }
            }
        }
    };
}

fail_points! {
    on the way {
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
        /// It was acknowledged; that is not on record.
        DeliverySent = "delivery.sent",
        /// That it was acknowledged is on record.
        DeliveryCommitted = "delivery.committed",
    }
    aside {
        /// A fleet looks for work, at its start and now and then.
        FleetSweeping = "fleet.sweeping",
        /// A beat was answered; what it says is not known yet.
        MembershipBeaten = "membership.beaten",
        /// The archivist looks for what has ended.
        ArchivistSweeping = "archivist.sweeping",
        /// The surveyor looks for checks that are due.
        SurveyorSweeping = "surveyor.sweeping",
    }
}

/// Says that a place was reached.
pub fn reach(point: FailPoint) {
    fail::fail_point!(point.name());
    let _ = point;
}

//! Orders to a running process, for tests alone: where it panics, dies or stands still, which write fails, and what its
//! clock says.
//!
//! ```text
//!   panic PLACE [N]   the next N times (once) that PLACE is reached, that thread panics
//!   kill PLACE [N]    the N-th time (the first) that it is reached, the process kills itself
//!   halt PLACE        the thread that reaches it next says `reached PLACE` on standard output, and stands still
//!   go                whoever stands still goes on
//!   fail PLACE [N]    the next N times (once), what is done at PLACE fails as if the machine had refused it
//!   clock MILLIS      the wall clock is moved by so many, also negative; the uptime is not
//! ```
//!
//! With `SWITCHYARD_FAULT_ORDERS=stdin` they are read from standard input, one a line, as long as there is any;
//! `SWITCHYARD_KILL_AT=PLACE[@N]` is one `kill` from the start. What makes no sense is answered by a line on standard
//! error, and changes nothing. An order is never carried out on the thread that gave it.

mod order;
mod standing;

use order::Order;
use standing::Standings;
use std::io::{BufRead as _, Write as _};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

static STANDINGS: LazyLock<Mutex<Standings>> = LazyLock::new(Mutex::default);
static GONE_ON: Condvar = Condvar::new();

/// Reads what the environment orders, and where further orders come from.
pub fn obey_environment() {
    if let Ok(wish) = std::env::var("SWITCHYARD_KILL_AT") {
        hear(&format!("kill {}", wish.replace('@', " ")));
    }
    match std::env::var("SWITCHYARD_FAULT_ORDERS").as_deref() {
        Ok("stdin") => {
            let reader = std::thread::Builder::new().name("fault-orders".into()).spawn(read_orders);
            reader.map(drop).unwrap_or_else(|error| complain("the reader of orders", &error.to_string()));
        }
        Ok(other) => complain(&format!("SWITCHYARD_FAULT_ORDERS={other}"), "it can only be stdin"),
        Err(_) => {}
    }
}

fn read_orders() {
    for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            hear(line.trim());
        }
    }
}

fn hear(line: &str) {
    if let Err(why) = Order::parse(line).and_then(obey) {
        complain(line, &why);
    }
}

#[allow(clippy::print_stderr)]
fn complain(what: &str, why: &str) {
    eprintln!("no order: {what:?}: {why}");
}

fn standings() -> MutexGuard<'static, Standings> {
    STANDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn obey(order: Order) -> Result<(), String> {
    match order {
        Order::Panic { place, times } => standings().panic_at(place, times),
        Order::Kill { place, nth } => standings().kill_at(place, nth),
        Order::Halt { place } => standings().halt_at(place),
        Order::Fail { place, times } => return fail::cfg(place, &format!("{times}*return")),
        Order::Clock { millis } => {
            crate::machine::move_wall_clock(millis);
            return Ok(());
        }
        Order::Go => {
            standings().go()?;
            GONE_ON.notify_all();
            return Ok(());
        }
    }
    let place = order.place().expect("the others have returned");
    fail::cfg_callback(place, move || reached(place))
}

/// Whoever gets here does what was ordered. The lock is never held over it.
fn reached(place: &'static str) {
    if standings().takes_kill(place) {
        die();
    }
    if standings().takes_halt(place) {
        stand_still(place);
    }
    let panics = standings().takes_panic(place);
    assert!(!panics, "ordered to panic at {place}");
}

fn die() -> ! {
    let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    debug_assert!(killed.is_ok(), "a process may always kill itself");
    // The signal is on its way; nothing more may happen on this thread.
    loop {
        std::thread::park();
    }
}

fn stand_still(place: &str) {
    let mut standings = standings();
    let goes = standings.stands_still();
    // Said under the lock: the `go` of whoever reads it comes after it. Who has closed the output isn't told.
    let _ = writeln!(std::io::stdout(), "reached {place}");
    while standings.goes() == goes {
        standings = GONE_ON.wait(standings).unwrap_or_else(PoisonError::into_inner);
    }
}

//! Panics that nobody planned, on this thread and while a history is played. Those of a plan unwind without the hook.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Plays something, and says what panicked meanwhile. Elsewhere the hook is what it was.
pub fn watching<T>(plays: impl FnOnce() -> T) -> (T, Vec<String>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_played = SEEN.with_borrow_mut(|seen| match seen {
                Some(seen) => {
                    seen.push(panic.to_string());
                    true
                }
                None => false,
            });
            if !is_played {
                before(panic);
            }
        }));
    });
    SEEN.set(Some(Vec::new()));
    let played = plays();
    (played, SEEN.take().unwrap_or_default())
}

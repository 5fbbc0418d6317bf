//! Secrets by reference: read when a session is opened, never written anywhere, and named in an error by reference only.

use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory::SecretRef;
use switchyard_actors::domain::text::Secret;

/// Reads what a reference names.
///
/// # Errors
/// [`DriverFailure`] of class `Misconfigured`, with the reference and not the value.
pub fn resolve(reference: &SecretRef) -> Result<Secret, DriverFailure> {
    let missing =
        |why: String| DriverFailure::new(FailureClass::Misconfigured, format!("{reference}: {why}"));
    match reference {
        SecretRef::Env(name) => {
            std::env::var(name).map(|text| Secret::new(&text)).map_err(|e| missing(e.to_string()))
        }
        SecretRef::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| missing(error.to_string()))?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
        }
    }
}

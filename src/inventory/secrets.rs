//! Where references to secrets lead. Errors name the reference, never what was found.

use switchyard_actors::domain::inventory::SecretRef;

/// Follows references.
pub trait SecretSource: Send + Sync {
    /// The secret behind a reference; a final line end in a file is not part of it.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    fn resolve(&self, reference: &SecretRef) -> Result<String, String>;
}

/// The environment and the files of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessSecrets;

impl SecretSource for ProcessSecrets {
    fn resolve(&self, reference: &SecretRef) -> Result<String, String> {
        match reference {
            SecretRef::Env(name) => std::env::var(name).map_err(|_| {
                format!("{reference} is not set, or is no text, where the inventory is applied")
            }),
            SecretRef::File(path) => std::fs::read_to_string(path)
                .map(without_line_end)
                .map_err(|why| format!("{reference} can't be read: {why}")),
        }
    }
}

fn without_line_end(mut text: String) -> String {
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    text
}

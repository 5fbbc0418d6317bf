//! Logging in: which method is tried next, and what a refusal says. The password is tried once: a second try would count
//! against the account, and nothing has changed since the first.

use super::host_key::HostKeyCheck;
use super::secret::resolve;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use std::sync::Arc;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory;
use switchyard_actors::domain::text::Secret;

/// Rounds of keyboard-interactive that are answered; a server that asks for more is not asking for a password.
const INTERACTIVE_ROUNDS: usize = 8;

const SHA1_NOT_ALLOWED: &str =
    "an old device takes RSA keys with SHA-1 only, and its allow_algorithms don't name \"ssh-rsa\"";

/// What the references of a switch or a jump host lead to.
pub struct Credentials {
    username: String,
    password: Option<Secret>,
    private_key: Option<(Secret, Arc<PrivateKey>)>,
    passphrase: Option<Secret>,
    enable_password: Option<Secret>,
    sha1_signatures: bool,
}

/// A way to log in that is still to be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    PublicKey,
    Password,
    Interactive,
}

/// What a method came to.
enum Tried {
    LoggedIn,
    /// Not enough, or not right: what the other side takes now.
    Refused {
        takes: MethodSet,
        partly: bool,
        why: Option<String>,
    },
}

impl Tried {
    fn with(self, remark: &str) -> Self {
        match self {
            Self::LoggedIn => Self::LoggedIn,
            Self::Refused { takes, partly, why: _ } => {
                Self::Refused { takes, partly, why: Some(remark.to_owned()) }
            }
        }
    }
}

/// What was tried, and what became of it.
#[derive(Default)]
struct Attempts {
    made: Vec<Method>,
    password_refused: bool,
    remarks: Vec<String>,
}

impl Attempts {
    /// The next method: a key before a password, and a refused password not a second time in another form.
    fn next(&self, takes: &MethodSet, has_key: bool, has_password: bool) -> Option<Method> {
        let may_type = has_password && !self.password_refused;
        let order = [
            (Method::PublicKey, MethodKind::PublicKey, has_key),
            (Method::Password, MethodKind::Password, may_type),
            (Method::Interactive, MethodKind::KeyboardInteractive, may_type),
        ];
        let open = |(method, kind, has): &(Method, MethodKind, bool)| {
            *has && takes.contains(kind) && !self.made.contains(method)
        };
        order.into_iter().find(open).map(|(method, _, _)| method)
    }

    fn note(&mut self, method: Method, partly: bool, why: Option<String>) {
        self.made.push(method);
        self.password_refused |= method != Method::PublicKey && !partly;
        self.remarks.extend(why);
    }

    fn describe(&self, takes: &MethodSet) -> String {
        let made = match &self.made[..] {
            [] => "nothing that it takes is in the inventory".to_owned(),
            made => format!("tried {made:?}"),
        };
        let remarks = self.remarks.iter().map(|remark| format!("; {remark}")).collect::<String>();
        format!("{made}, it takes {takes:?}{remarks}")
    }
}

/// What an RSA key signs over, one after another; `None` is SHA-1. `theirs` is the library's word: whether the other side says
/// what it takes, and then which. Not all who say so mean it, and one that says nothing is of before 2017, or hides it.
fn rsa_hashes(theirs: Option<Option<HashAlg>>, sha1_allowed: bool) -> Vec<Option<HashAlg>> {
    let newer = match theirs {
        Some(Some(hash)) => Some(Some(hash)),
        Some(None) => None,
        None if sha1_allowed => None,
        None => Some(Some(HashAlg::Sha512)),
    };
    newer.into_iter().chain(sha1_allowed.then_some(None)).collect()
}

/// What is answered to one prompt of keyboard-interactive.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Password,
    Username,
    /// Nothing that we have.
    Unknown,
}

/// What is typed unseen is the password, unless a new one is demanded; what is shown while it is typed never is.
fn answer_to(prompt: &str, echo: bool) -> Answer {
    let asked = prompt.to_lowercase();
    let is_new = ["new ", "retype", "again", "confirm"].iter().any(|word| asked.contains(word));
    let is_name = ["user", "login", "name"].iter().any(|word| asked.contains(word));
    match (echo, is_new, is_name) {
        (false, false, _) => Answer::Password,
        (true, false, true) => Answer::Username,
        (_, true, _) | (true, false, false) => Answer::Unknown,
    }
}

fn wants_password(prompt: &str, echo: bool) -> bool {
    answer_to(prompt, echo) == Answer::Password
}

impl Credentials {
    /// Follows the references.
    ///
    /// # Errors
    /// [`DriverFailure`] of class `Misconfigured`, which names the reference.
    pub fn resolve(of: &inventory::Credentials, sha1_signatures: bool) -> Result<Self, DriverFailure> {
        let passphrase = of.private_key_passphrase.as_ref().map(resolve).transpose()?;
        let private_key = of.private_key.as_ref().map(|reference| {
            let text = resolve(reference)?;
            // What the library says of a key may quote it: only the kind of the fault goes on.
            let key = russh::keys::decode_secret_key(text.reveal(), passphrase.as_ref().map(Secret::reveal))
                .map_err(|error| unreadable_key(&reference.to_string(), &error, passphrase.is_some()))?;
            Ok((text, Arc::new(key)))
        });
        Ok(Self {
            username: of.username.clone(),
            password: of.password.as_ref().map(resolve).transpose()?,
            private_key: private_key.transpose()?,
            passphrase,
            enable_password: of.enable_password.as_ref().map(resolve).transpose()?,
            sha1_signatures,
        })
    }

    /// All that must never be shown.
    pub fn secrets(&self) -> Vec<Secret> {
        let key = self.private_key.as_ref().map(|(text, _)| text);
        [self.password.as_ref(), key, self.passphrase.as_ref(), self.enable_password.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// What the privilege step asks for.
    pub fn enable_password(&self) -> Option<Secret> {
        self.enable_password.clone()
    }

    /// Logs in.
    ///
    /// # Errors
    /// [`DriverFailure`]: refused, or the connection broke off.
    pub async fn log_in(&self, handle: &mut Handle<HostKeyCheck>, place: &str) -> Result<(), DriverFailure> {
        let lost =
            |error: russh::Error| DriverFailure::new(FailureClass::SessionLost, format!("{place}: {error}"));
        let asked = handle.authenticate_none(&self.username).await.map_err(lost)?;
        let AuthResult::Failure { remaining_methods: mut takes, .. } = asked else { return Ok(()) };
        let mut attempts = Attempts::default();
        while let Some(method) = attempts.next(&takes, self.private_key.is_some(), self.password.is_some()) {
            match self.attempt(method, handle, &takes).await.map_err(lost)? {
                Tried::LoggedIn => return Ok(()),
                Tried::Refused { takes: now, partly, why } => {
                    attempts.note(method, partly, why);
                    takes = now;
                }
            }
        }
        if takes.is_empty() && is_gone(handle).await {
            let text = format!("{place} closed the connection during the login");
            return Err(DriverFailure::new(FailureClass::SessionLost, text));
        }
        let text = format!("{place} refused the login of {:?}: {}", self.username, attempts.describe(&takes));
        Err(DriverFailure::new(FailureClass::AuthenticationRefused, text))
    }

    async fn attempt(
        &self,
        method: Method,
        handle: &mut Handle<HostKeyCheck>,
        takes: &MethodSet,
    ) -> Result<Tried, russh::Error> {
        let none = || Secret::new("");
        let password = self.password.clone().unwrap_or_else(none);
        match method {
            Method::PublicKey => self.show_key(handle, takes).await,
            Method::Password => {
                handle.authenticate_password(&self.username, password.reveal()).await.map(tried)
            }
            Method::Interactive => self.answer_prompts(handle, &password, takes).await,
        }
    }

    async fn show_key(
        &self,
        handle: &mut Handle<HostKeyCheck>,
        takes: &MethodSet,
    ) -> Result<Tried, russh::Error> {
        let (_, key) = self.private_key.as_ref().expect("the method is chosen only where there is a key");
        if !key.algorithm().is_rsa() {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), None);
            return handle.authenticate_publickey(&self.username, key).await.map(tried);
        }
        let mut last = refused(takes.clone(), "it takes no signature of RSA over SHA-2".to_owned());
        for hash in rsa_hashes(handle.best_supported_rsa_hash().await?, self.sha1_signatures) {
            let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
            last = match handle.authenticate_publickey(&self.username, key).await.map(tried)? {
                refused @ Tried::Refused { partly: false, .. } => refused,
                done => return Ok(done),
            };
        }
        Ok(if self.sha1_signatures { last } else { last.with(SHA1_NOT_ALLOWED) })
    }

    async fn answer_prompts(
        &self,
        handle: &mut Handle<HostKeyCheck>,
        password: &Secret,
        takes: &MethodSet,
    ) -> Result<Tried, russh::Error> {
        let mut asked = handle.authenticate_keyboard_interactive_start(&self.username, None).await?;
        let mut is_given = false;
        for _ in 0..INTERACTIVE_ROUNDS {
            match asked {
                KeyboardInteractiveAuthResponse::Success => return Ok(Tried::LoggedIn),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    let partly = partial_success;
                    return Ok(Tried::Refused { takes: remaining_methods, partly, why: None });
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    let wants_it = prompts.iter().any(|asked| wants_password(&asked.prompt, asked.echo));
                    if wants_it && is_given {
                        return Ok(refused(takes.clone(), "it asked for the password again".to_owned()));
                    }
                    is_given |= wants_it;
                    // A round may ask nothing, and still wants its empty answer.
                    match self.answers(&prompts, password) {
                        Ok(answers) => {
                            asked = handle.authenticate_keyboard_interactive_respond(answers).await?;
                        }
                        Err(why) => return Ok(refused(takes.clone(), why)),
                    }
                }
            }
        }
        Ok(refused(takes.clone(), format!("it asked more than {INTERACTIVE_ROUNDS} times")))
    }

    fn answers(&self, prompts: &[Prompt], password: &Secret) -> Result<Vec<String>, String> {
        let answers = prompts.iter().map(|asked| match answer_to(&asked.prompt, asked.echo) {
            Answer::Password => Ok(password.reveal().to_owned()),
            Answer::Username => Ok(self.username.clone()),
            Answer::Unknown => Err(format!("it asked {:?}, which nothing here answers", asked.prompt)),
        });
        answers.collect()
    }
}

fn tried(result: AuthResult) -> Tried {
    match result {
        AuthResult::Success => Tried::LoggedIn,
        AuthResult::Failure { remaining_methods, partial_success } => {
            Tried::Refused { takes: remaining_methods, partly: partial_success, why: None }
        }
    }
}

fn refused(takes: MethodSet, why: String) -> Tried {
    Tried::Refused { takes, partly: false, why: Some(why) }
}

fn unreadable_key(reference: &str, error: &russh::keys::Error, has_passphrase: bool) -> DriverFailure {
    let why = match (error, has_passphrase) {
        (russh::keys::Error::KeyIsEncrypted, false) => {
            "the private key needs a passphrase, and there is no private_key_passphrase"
        }
        (_, true) => "the private key can't be read with its private_key_passphrase",
        (_, false) => "this is no private key that can be read, as OpenSSH and OpenSSL write them",
    };
    DriverFailure::new(FailureClass::Misconfigured, format!("{reference}: {why}"))
}

/// Whether the connection has ended. The client's word for one that ended during a login is a refusal that offers no
/// method; an answer to a ping is the same as none, and only then it can be told.
pub async fn is_gone(handle: &Handle<HostKeyCheck>) -> bool {
    handle.send_ping().await.is_err() || handle.is_closed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(kinds: &[MethodKind]) -> MethodSet {
        MethodSet::from(kinds)
    }

    #[test]
    fn a_key_comes_before_a_password_and_a_refused_password_is_not_tried_in_another_form() {
        use Method::{Interactive, Password, PublicKey};
        let all = set(&[MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive]);
        let interactive = set(&[MethodKind::KeyboardInteractive]);
        // What was tried (and whether it was right in part), whether there are a key and a password, what comes next.
        type Made<'a> = &'a [(Method, bool)];
        type Row<'a> = (Made<'a>, (bool, bool), &'a MethodSet, Option<Method>);
        let table: [Row<'_>; 10] = [
            (&[], (true, true), &all, Some(PublicKey)),
            (&[], (false, true), &all, Some(Password)),
            (&[], (true, false), &interactive, None),
            (&[], (false, true), &interactive, Some(Interactive)),
            (&[(PublicKey, false)], (true, true), &all, Some(Password)),
            (&[(Password, false)], (false, true), &all, None),
            (&[(Password, true)], (false, true), &all, Some(Interactive)),
            (&[(Interactive, false)], (false, true), &all, None),
            (&[(PublicKey, true)], (true, true), &all, Some(Password)),
            (&[(PublicKey, false), (Password, false)], (true, true), &all, None),
        ];
        for (made, (has_key, has_password), takes, expected) in table {
            let mut attempts = Attempts::default();
            made.iter().for_each(|(method, partly)| attempts.note(*method, *partly, None));
            assert_eq!(attempts.next(takes, has_key, has_password), expected, "{made:?}");
        }
    }

    #[test]
    fn an_rsa_key_signs_over_sha_1_only_where_that_is_allowed() {
        let newest = Some(Some(HashAlg::Sha512));
        let sha512 = Some(HashAlg::Sha512);
        assert_eq!(rsa_hashes(newest, true), [sha512, None]);
        assert_eq!(rsa_hashes(newest, false), [sha512]);
        assert_eq!(rsa_hashes(Some(None), true), [None]);
        assert_eq!(rsa_hashes(Some(None), false), []);
        assert_eq!(rsa_hashes(None, true), [None]);
        assert_eq!(rsa_hashes(None, false), [sha512]);
    }

    #[test]
    fn a_password_is_never_typed_where_it_shows_nor_given_for_a_new_one() {
        let table = [
            ("Password: ", false, Answer::Password),
            ("", false, Answer::Password),
            ("ops@sw's password:", false, Answer::Password),
            ("Username: ", true, Answer::Username),
            ("login:", true, Answer::Username),
            ("Verification code: ", true, Answer::Unknown),
            ("New password: ", false, Answer::Unknown),
            ("Retype new password:", false, Answer::Unknown),
        ];
        for (prompt, echo, expected) in table {
            assert_eq!(answer_to(prompt, echo), expected, "{prompt:?}");
        }
    }
}

//! The operator, with the real command line: looks at the switches now and then, vouches for hardware that was replaced, and
//! releases what was quarantined or set aside.

use super::blow::{SwitchBlow, Victim};
use super::config;
use super::world::{Phase, World};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(1_500);

/// What a look at the switches showed.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// When; `None` before the first.
    pub at: Option<Instant>,
    /// By switch, how many pieces of work it has.
    pub work: Vec<(String, u64)>,
    /// Quarantined, or with a port whose repair was set aside, by name.
    pub set_apart: Vec<String>,
}

/// Looks and releases, until the instances are stopped.
pub async fn attend(world: Rc<World>) {
    while !world.is(Phase::Stopping) {
        // In an outage the command line fails, as it should: the next look is soon.
        if let Ok(seen) = look(&world).await {
            let set_apart = seen.set_apart.clone();
            *world.seen.borrow_mut() = seen;
            for switch in set_apart {
                let _ = release(&world, &switch).await;
            }
        }
        sleep(LOOK).await;
    }
}

async fn look(world: &World) -> anyhow::Result<Seen> {
    let at = Instant::now();
    let lines = command(world, &["switches"]).await?;
    let mut seen = Seen { at: Some(at), ..Seen::default() };
    for line in lines.iter().skip(1) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [name, _platform, _address, work, ..] = words[..] else { bail!("not a switch: {line}") };
        seen.work.push((name.to_owned(), work.parse().with_context(|| line.clone())?));
        if ["QUARANTINED", "SET ASIDE"].iter().any(|word| line.contains(word)) {
            seen.set_apart.push(name.to_owned());
        }
    }
    Ok(seen)
}

async fn release(world: &World, name: &str) -> anyhow::Result<()> {
    let switches = world.switches.all();
    let which = switches.iter().position(|switch| switch.name() == name).context("a switch of ours")?;
    if world.new_keys.borrow().contains(&which) {
        vouch(world, which).await?;
        world.new_keys.borrow_mut().remove(&which);
        world.tally.borrow_mut().count(Victim::Switch, SwitchBlow::ChangeHostKey.name());
    }
    command(world, &["release", name]).await?;
    world.releases.set(world.releases.get() + 1);
    Ok(())
}

/// Puts the key that the switch shows now into the inventory.
async fn vouch(world: &World, which: usize) -> anyhow::Result<()> {
    let (switch, folder) = (&world.switches.all()[which], world.folder.borrow().path().to_owned());
    let file = folder.join(format!("{}.toml", switch.name()));
    std::fs::write(&file, config::switch_section(switch, world.switches.personality(which), &folder))?;
    command(world, &["inventory", "apply", &file.display().to_string()]).await.map(drop)
}

/// What the service lists as given up.
///
/// # Errors
/// When the command fails.
pub async fn dead_letters(world: &World) -> anyhow::Result<Vec<String>> {
    command(world, &["dead-letters"]).await
}

/// The whole state of the store, once the instances have ended.
///
/// # Errors
/// When the command fails.
pub async fn export_store(world: &World, file: &Path) -> anyhow::Result<()> {
    command(world, &["store", "export", &file.display().to_string()]).await.map(drop)
}

/// Runs this binary's command line as an operator does: the lines that it prints.
async fn command(world: &World, words: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words).arg("--config").arg(world.instances[0].config());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if !output.status.success() {
        bail!("{words:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

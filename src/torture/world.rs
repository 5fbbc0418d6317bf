//! Everything of one run: what stands around the instances, the instances, and what was seen of them.

use super::book::Book;
use super::config::{self, StoreAt};
use super::disk::Disk;
use super::instances::{self, Instance};
use super::kept::Kept;
use super::logs::Panics;
use super::operator::Seen;
use super::options::{Engine, Options};
use super::partners::Partner;
use super::redis::Redis;
use super::switches::{PASSWORD_FILE, Switches};
use super::tally::Tally;
use anyhow::Context as _;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Faults strike, and checkouts come.
    Striking,
    /// Neither; what is left comes to rest.
    Draining,
    /// The instances are stopped.
    Stopping,
}

/// A run's world.
pub struct World {
    /// How large it is.
    pub options: Options,
    /// The instances. Before the store: they end first.
    pub instances: Vec<Instance>,
    /// The simulated network.
    pub switches: Switches,
    /// The partners.
    pub partners: Vec<Partner>,
    /// What the instances share.
    pub store: Store,
    /// Where all files are.
    pub folder: RefCell<Folder>,
    /// For clients and readiness.
    pub http: awc::Client,
    /// What struck.
    pub tally: RefCell<Tally>,
    /// Who panicked.
    pub panics: RefCell<Panics>,
    /// What was ordered.
    pub book: RefCell<Book>,
    /// The history.
    pub kept: RefCell<Kept>,
    /// Clients that misbehaved, by kind.
    pub misconduct: RefCell<BTreeMap<&'static str, u64>>,
    /// What the operator saw last.
    pub seen: RefCell<Seen>,
    /// Switches with a new key that nobody has vouched for.
    pub new_keys: RefCell<BTreeSet<usize>>,
    /// What a person should know, and no rule judges.
    pub remarks: RefCell<Vec<String>>,
    /// Switches that the operator released.
    pub releases: Cell<u64>,
    /// Events whose timestamp was wrong by more than a machine's pauses explain.
    pub clock_errors: Cell<u64>,
    /// Clients under way.
    pub clients: Cell<usize>,
    /// Whose turn it is to be asked.
    pub turn: Cell<usize>,
    phase: Cell<Phase>,
}

/// What the instances share.
#[derive(Debug)]
pub enum Store {
    /// One file.
    Embedded { disk: Arc<Disk>, is_full: Cell<bool> },
    /// Servers.
    Redis(Arc<Redis>),
}

/// Where all files are.
#[derive(Debug)]
pub enum Folder {
    /// Gone with the run, unless it is kept.
    Passing(TempDir),
    /// The one that was asked for.
    Lasting(PathBuf),
}

impl World {
    /// Starts everything but the clients and the faults.
    ///
    /// # Errors
    /// When a part can't be started.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let folder = Folder::of(&options)?;
        let (partners, switches) = (Partner::start_all()?, Switches::start(&options).await?);
        let store = Store::start(&options, folder.path())?;
        std::fs::write(folder.path().join(PASSWORD_FILE), &switches.password).context("the password file")?;
        let instances = (0..options.instances).map(|n| Instance::prepare(n, folder.path(), &store.place()));
        let instances = instances.collect::<Result<Vec<_>, _>>()?;
        let connector = awc::Connector::new().limit(2_048);
        let http = awc::Client::builder().connector(connector).disable_redirects().disable_timeout().finish();
        let (book, kept) = (Book::of(&switches), Kept::begin(&partners, &switches));
        let world = Self {
            options,
            instances,
            switches,
            partners,
            store,
            folder: RefCell::new(folder),
            http,
            tally: RefCell::default(),
            panics: RefCell::default(),
            book: RefCell::new(book),
            kept: RefCell::new(kept),
            misconduct: RefCell::default(),
            seen: RefCell::default(),
            new_keys: RefCell::default(),
            remarks: RefCell::default(),
            releases: Cell::new(0),
            clock_errors: Cell::new(0),
            clients: Cell::new(0),
            turn: Cell::new(0),
            phase: Cell::new(Phase::Striking),
        };
        world.start_instances().await?;
        Ok(world)
    }

    /// The first brings the inventory; the others find it in the store.
    async fn start_instances(&self) -> anyhow::Result<()> {
        let folder = self.folder.borrow().path().to_owned();
        let inventory = folder.join("inventory.toml");
        let text = config::inventory(&self.partners, &self.switches, &folder);
        std::fs::write(&inventory, text).context("the inventory")?;
        self.instances[0].start(Some(&inventory))?;
        instances::until_ready(self, 0).await?;
        self.instances[1..].iter().try_for_each(|instance| instance.start(None))?;
        for which in 1..self.instances.len() {
            instances::until_ready(self, which).await?;
        }
        Ok(())
    }

    /// Whether the run is at this.
    pub fn is(&self, phase: Phase) -> bool {
        self.phase.get() == phase
    }

    /// On to the next.
    pub fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Says what a person should know.
    pub fn remark(&self, text: String) {
        self.remarks.borrow_mut().push(text);
    }
}

impl Store {
    fn start(options: &Options, folder: &Path) -> anyhow::Result<Self> {
        Ok(match options.store {
            Engine::Embedded => {
                let disk = Disk::prepare(folder.join("store"), options.minutes)?;
                Self::Embedded { disk: Arc::new(disk), is_full: Cell::new(false) }
            }
            engine @ (Engine::Redis | Engine::Cluster) => Self::Redis(Arc::new(Redis::start(engine)?)),
        })
    }

    /// Where the instances find it.
    pub fn place(&self) -> StoreAt {
        match self {
            Self::Embedded { disk, .. } => StoreAt::File(disk.store()),
            Self::Redis(redis) => redis.place(),
        }
    }

    /// Whether the harness keeps an instance from being ready just now.
    pub fn is_struck(&self) -> bool {
        matches!(self, Self::Embedded { is_full, .. } if is_full.get())
    }

    /// Whether an instance that could not write once must be started again.
    pub fn ends_with_a_failed_write(&self) -> bool {
        matches!(self, Self::Embedded { .. })
    }
}

impl Folder {
    fn of(options: &Options) -> anyhow::Result<Self> {
        let Some(wanted) = &options.keep else {
            let folder = tempfile::Builder::new().prefix("switchyard-torture-").tempdir();
            return Ok(Self::Passing(folder.context("a folder for the run")?));
        };
        std::fs::create_dir_all(wanted).with_context(|| wanted.display().to_string())?;
        let wanted = wanted.canonicalize().with_context(|| wanted.display().to_string())?;
        let is_empty = wanted.read_dir().is_ok_and(|mut files| files.next().is_none());
        anyhow::ensure!(
            is_empty,
            "{} isn't empty: a run keeps its files in a folder of its own",
            wanted.display()
        );
        Ok(Self::Lasting(wanted))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Passing(folder) => folder.path(),
            Self::Lasting(folder) => folder,
        }
    }

    /// From now on it stays.
    pub fn keep(&mut self) {
        if let Self::Passing(folder) = self {
            folder.disable_cleanup(true);
        }
    }

    /// Whether it stays when the run is over.
    pub fn stays(&self) -> bool {
        matches!(self, Self::Lasting(_))
    }
}

//! `sekisho serve`: the daemon, from its sockets to its orderly end
//!
//! The order counts. Everything is bound first; then privileges are dropped and the kernel is asked to hold us; only then
//! do the reactors start, so that all of their threads are held. Every task has an owner.
//!
//! There are two reactors. One has several threads and moves mails; the other one is this thread alone, for signals, for
//! those who watch, and for the end: whatever mails do, somebody answers, and somebody stops in time.

mod confinement;
pub(crate) mod journal;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use sd_notify::NotifyState;
use sekisho_ask::{Resolver, ResolverConfig, Source, Upstream};
use sekisho_wire::smtp::Protocol as Speech;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::journal::Journal;
use crate::cli::ServeArguments;
use crate::config::{Config, HttpSection, StoreSection};
use crate::events::{Events, Keeping};
use crate::fault::Fault;
use crate::gate::{Copies, Doubt, Front, Gate, InWork, Lasting, Office, Role};
use crate::http::tls::Secrecy;
use crate::intake::{Clerk, HouseRules, Intake};
use crate::lake::{Lake, Upkeep};
use crate::metrics::Metrics;
use crate::oidc::Provider;
use crate::reports::Failures;
use crate::speech::Talk;
use crate::store::{Archive, DataFolder};
use crate::way::{Way, give_way};
use crate::web::{Desk, DeskBooks};
use crate::webhooks::{Announcer, Courier};
use crate::{Exit, Setting, Streams, gate, http, intake, jobs, reports, webhooks};

/// How many connections may wait to be taken.
const BACKLOG: i32 = 1024;
/// How much later than the listeners the end is decided here, where they do not decide it themselves.
const GRACE: Duration = Duration::from_millis(500);

impl ServeArguments {
    /// Serves until it is told to stop.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let places = streams.setting.config_places.clone();
        let mut config = Config::load(self.config.as_deref(), &places)?;
        let journal = journal::open(config.log);
        confinement::take_small_pages();
        let sockets = Sockets::bind(&config, &streams.setting)?;
        let in_work = Arc::new(in_work(&config, &streams.setting.runtime_places)?);
        // Keys are read before root's privileges go: nobody else may be able to.
        let office = Office::open(&config).map_err(|faults| only_last(faults, talk, streams))?;
        let house_rules = HouseRules::open(&config, &host())?;
        let secrecy = Arc::new(Secrecy::new(http::tls::open(&config.http)?));
        http::tls::warn_of_doubt(&config.http);
        let provider = Provider::open(&config.oidc)?;
        config.gate.max_sessions = confinement::take_files(config.gate.max_sessions, config.intake.max_sessions);
        // Secrets and the system's authorities are read before the kernel holds us, too.
        let source = source(self.dns.as_deref(), &config)?;
        let courier = watch::Sender::new(Arc::new(config.courier(&source)?));
        confinement::become_user(&config, &in_work)?;
        let metrics = Arc::new(Metrics::new());
        let books = Books::open(&config, &streams.setting, &metrics)?;
        confinement::confine(&config, &places, books.folder.as_deref());
        let refused = |why: io::Error| Fault::new("fault-runtime", []).because(Fault::system(&why));
        let mails = Builder::new_multi_thread().thread_name("mails").enable_all().build().map_err(refused)?;
        // Its other threads ask the lake and draw pages.
        let house = Builder::new_current_thread().on_thread_start(|| give_way(Way::Pages)).enable_all().build();
        let house = house.map_err(refused)?;
        let settled = mails.block_on(office.settle(&config, &source));
        let doubts = settled.map_err(|faults| only_last(faults, talk, streams))?;
        let Books { events, secret, .. } = &books;
        let (events, secret) = (Arc::clone(events), Arc::clone(secret));
        let (copies, turns) = (Arc::new(Copies::new()), Arc::default());
        let (failures, waiting) = Failures::new(metrics.failed_mails.clone());
        let failures = Arc::new(failures);
        let noting = books.kept.is_some().then(|| (waiting, Arc::clone(&secret)));
        let lasting = Lasting { in_work, metrics, copies, turns, host: host(), events, secret, failures };
        let front = Arc::new(Front::new(Gate::new(&config, source, office, lasting)));
        let announcer = Announcer::of(&config.webhooks);
        let reading = books.kept.as_ref().map(|(archive, lake)| (archive.clone(), Arc::clone(lake)));
        let (intake, clerk) = match &reading {
            Some((archive, _)) => {
                let (intake, clerk) = Intake::new(house_rules, archive.clone(), Arc::clone(&front.metrics));
                (Some(intake), Some(clerk))
            }
            None => (None, None),
        };
        let desk = reading.clone().zip(streams.setting.open_lake).map(|((archive, lake), open)| {
            let (secret, announcer) = (Arc::clone(&books.secret), announcer.clone());
            Arc::new(Desk::new(Arc::clone(&front), DeskBooks { archive, lake, open, secret, announcer }))
        });
        desk.iter().for_each(|desk| desk.trust(provider.clone()));
        let mails_handle = mails.handle().clone();
        let daemon = Daemon {
            arguments: self,
            places,
            journal,
            front,
            config,
            intake,
            desk,
            secrecy,
            announcer,
            courier,
            reading,
            mails: mails_handle,
        };
        let served =
            house.block_on(daemon.serve(sockets, doubts, Clerks { intake: clerk, failures: noting }, talk, streams));
        // A thread that is still at work on a mail is not waited for: that mail had its time.
        mails.shutdown_background();
        // Whatever was judged is in the books before we go.
        books.close();
        served
    }
}

/// What is kept of the mails that pass.
struct Books {
    /// The data folder.
    folder: Option<PathBuf>,
    /// Where Events go.
    events: Arc<Events>,
    /// What hashes of names are made with.
    secret: Arc<[u8]>,
    /// Where all of it lies.
    kept: Option<(Archive, Arc<dyn Lake>)>,
    /// Who keeps Events.
    keeping: Option<Keeping>,
    /// Who keeps the lake in order.
    upkeep: Option<Upkeep>,
}

impl Books {
    /// Opens the books, where Events shall be kept and there is a place for them.
    fn open(config: &Config, setting: &Setting, metrics: &Metrics) -> anyhow::Result<Books> {
        let counts = metrics.events.clone();
        let closed = |folder, secret| {
            let events = Arc::new(Events::nowhere(metrics.events.clone()));
            Books { folder, events, secret, kept: None, keeping: None, upkeep: None }
        };
        let (Some(open), true) = (setting.open_lake, config.store.events || config.intake.is_open()) else {
            return Ok(closed(None, Arc::new([])));
        };
        let Some(folder) = DataFolder::open(&config.store, &setting.data_places)? else {
            warn!("no data folder can be had: verdicts are not kept, and no reports are taken; set `store.folder`");
            return Ok(closed(None, Arc::new([])));
        };
        let secret = folder.secret()?;
        let (lake, path) = (folder.lake(open), folder.path().to_owned());
        let no_thread = "the system has no thread";
        let kept = (config.lake, config.store.forgetting());
        let upkeep = Some(Upkeep::begin(Arc::clone(&lake), kept, counts.failures.clone()).context(no_thread)?);
        let (events, keeping) = if config.store.events {
            let (events, keeping) = Events::kept_in(Arc::clone(&lake), counts).context(no_thread)?;
            info!(folder = %path.display(), "verdicts are kept");
            (events, Some(keeping))
        } else {
            (Events::nowhere(counts), None)
        };
        let kept = Some((Archive::of(folder), lake));
        Ok(Books { folder: Some(path), events: Arc::new(events), secret, kept, keeping, upkeep })
    }

    /// Waits until everything is kept.
    fn close(self) {
        self.keeping.into_iter().for_each(Keeping::close);
        self.upkeep.into_iter().for_each(Upkeep::close);
    }
}

/// What is bound before anything else.
struct Sockets {
    /// For MTAs, each with what it is for.
    gate: Vec<(Role, Socket)>,
    /// For those who watch.
    http: Vec<Socket>,
    /// For those who send reports, each with what is spoken.
    intake: Vec<(Speech, Socket)>,
}

impl Sockets {
    /// Binds everything, or names the first address that cannot be had.
    fn bind(config: &Config, setting: &Setting) -> Result<Sockets, Fault> {
        let verify = config.gate.listen.iter().map(|address| (Role::Verify, *address));
        let sign = config.sign.listen.iter().map(|address| (Role::Sign, *address));
        let gate =
            verify.chain(sign).map(|(role, address)| Ok((role, bind(address)?))).collect::<Result<_, Fault>>()?;
        let http = config.http.listen.iter().map(|address| bind(*address)).collect::<Result<_, Fault>>()?;
        // Without a lake nobody would read what is taken in.
        let smtp = config.intake.listen.iter().map(|address| (Speech::Smtp, *address));
        let lmtp = config.intake.lmtp.iter().map(|address| (Speech::Lmtp, *address));
        let intake = smtp.chain(lmtp).filter(|_| setting.open_lake.is_some());
        let intake = intake.map(|(speech, address)| Ok((speech, bind(address)?))).collect::<Result<_, Fault>>()?;
        Ok(Sockets { gate, http, intake })
    }
}

/// Listens on an address.
fn bind(address: SocketAddr) -> Result<Socket, Fault> {
    let bound = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    bound()
        .map_err(|why| Fault::new("fault-bind", [("address", address.to_string().into())]).because(Fault::system(&why)))
}

/// Who notes things in the ledger, where there is one.
struct Clerks {
    /// What the intake takes.
    intake: Option<Clerk>,
    /// Mails that failed, and what names in them are hashed with.
    failures: Option<(reports::Waiting, Arc<[u8]>)>,
}

/// The daemon while it runs.
struct Daemon {
    /// How it was called.
    arguments: ServeArguments,
    /// Where a configuration is looked for.
    places: Vec<PathBuf>,
    /// The log.
    journal: Arc<Journal>,
    /// What the listeners share.
    front: Arc<Front>,
    /// What is in force.
    config: Config,
    /// Where reports arrive, where there is a place to keep them.
    intake: Option<Arc<Intake>>,
    /// The web desk, where there are books to show.
    desk: Option<Arc<Desk>>,
    /// What begins TLS by HTTP.
    secrecy: Arc<Secrecy>,
    /// Who is told of what.
    announcer: Announcer,
    /// Who tells it.
    courier: watch::Sender<Arc<Courier>>,
    /// Where reports wait to be read, and where their rows go.
    reading: Option<(Archive, Arc<dyn Lake>)>,
    /// The reactor that moves mails, and asks the DNS.
    mails: Handle,
}

impl Daemon {
    /// Listens, tells where, reloads when it is asked to, and stops in order.
    async fn serve(
        mut self,
        sockets: Sockets,
        doubts: Vec<Doubt>,
        clerks: Clerks,
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> anyhow::Result<Exit> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        // Other daemons reopen their log on one of these, or say how they are. Nobody shall end us by mistake.
        let (mut user1, mut user2) = (signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?);
        let (no_more_mails, no_more_questions) = (CancellationToken::new(), CancellationToken::new());
        let (mut gates, mut watchers) = (JoinSet::new(), JoinSet::new());
        let mut say = |message: &str, address: SocketAddr| {
            writeln!(streams.stderr, "{}", talk.say(message, &[("address", address.to_string().into())]))
        };
        for (role, socket) in sockets.gate {
            let listener = self.among_mails(socket.into())?;
            let message = if role == Role::Sign { "serve-signing" } else { "serve-listening" };
            say(message, listener.local_addr()?)?;
            let listening = gate::listen(listener, role, Arc::clone(&self.front), no_more_mails.clone());
            gates.spawn_on(listening, &self.mails);
        }
        if !self.config.sign.listen.is_empty() || self.config.seal.key.is_some() {
            let front = Arc::clone(&self.front);
            let checking = gate::keep_checking(move || front.gate(), doubts, no_more_questions.clone());
            watchers.spawn_on(checking, &self.mails);
        }
        let mut bound = HttpSection { listen: Vec::new(), ..self.config.http.clone() };
        for socket in sockets.http {
            let listener = TcpListener::from_std(socket.into())?;
            let message = if bound.tls.is_some() { "serve-https" } else { "serve-http" };
            // Where any port will do, the one that was given.
            bound.listen.push(listener.local_addr()?);
            say(message, listener.local_addr()?)?;
            let (front, intake, desk) = (Arc::clone(&self.front), self.intake.clone(), self.desk.clone());
            let secrecy = Arc::clone(&self.secrecy);
            watchers.spawn(http::listen(listener, front, intake, desk, secrecy, no_more_questions.clone()));
        }
        for (speech, socket) in sockets.intake {
            let Some(intake) = &self.intake else { continue };
            let listener = self.among_mails(socket.into())?;
            let message = match speech {
                Speech::Smtp => "serve-intake",
                Speech::Lmtp => "serve-lmtp",
            };
            say(message, listener.local_addr()?)?;
            gates.spawn_on(intake::listen(listener, Arc::clone(intake), speech, no_more_mails.clone()), &self.mails);
        }
        if let Some(clerk) = clerks.intake {
            watchers.spawn_on(clerk.work(no_more_questions.clone()), &self.mails);
        }
        if let Some((archive, lake)) = self.reading.take() {
            watchers.spawn_on(archive.folder().clone().look_at_buckets(), &self.mails);
            if let Some((waiting, secret)) = clerks.failures {
                let (front, books) = (Arc::clone(&self.front), archive.clone());
                let most = move || front.gate().failures_per_day();
                let noting = reports::keep_noting(books, waiting, secret, most, no_more_questions.clone());
                watchers.spawn_on(noting, &self.mails);
            }
            let (front, metrics) = (Arc::clone(&self.front), Arc::clone(&self.front.metrics));
            let (books, rows) = (archive.clone(), Arc::clone(&lake));
            let reporter = move || front.gate().reporter();
            let announcer = self.announcer.clone();
            let sending = reports::keep_sending(books, rows, reporter, metrics, announcer, no_more_questions.clone());
            watchers.spawn_on(sending, &self.mails);
            let (front, counts) = (Arc::clone(&self.front), self.front.metrics.read.clone());
            let examiner = move || front.gate().examiner();
            let (calls, courier) = (self.front.metrics.webhooks.clone(), self.courier.subscribe());
            let calling = webhooks::keep_delivering(archive.clone(), courier, calls, no_more_questions.clone());
            let forgetting = jobs::keep_forgetting(archive.clone(), no_more_questions.clone());
            // Whoever reads closes the books, and so ends after all who hand something back to them.
            let no_more_calls = CancellationToken::new();
            let guard = no_more_calls.clone().drop_guard();
            let calling = async move {
                tokio::join!(calling, forgetting);
                drop(guard);
            };
            watchers.spawn_on(calling, &self.mails);
            let announcer = self.announcer.clone();
            let reading = reports::keep_reading(archive, lake, examiner, counts, announcer, no_more_calls);
            watchers.spawn_on(reading, &self.mails);
        }
        if let Some(desk) = self.desk.as_ref().filter(|_| !bound.listen.is_empty()) {
            // On the terminal, and not in the log: whoever has the link becomes the first admin.
            if let Some(link) = desk.first_link(&bound.usual_desk()).await {
                writeln!(streams.stderr, "{}\n{link}", talk.word("serve-first-account"))?;
            }
        }
        writeln!(streams.stderr, "{}", talk.word("serve-ready"))?;
        streams.stderr.flush()?;
        self.front.set_ready(true);
        tell_systemd(&[NotifyState::Ready]);
        let watchdog = sd_notify::watchdog_enabled();
        let beat = watchdog.unwrap_or(Duration::from_secs(60)) / 2;
        let mut beats = interval_at(Instant::now(), beat.max(Duration::from_millis(1)));
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulse = JoinSet::new();
        let exit = loop {
            tokio::select! {
                _ = terminate.recv() => break Exit::Clean,
                _ = interrupt.recv() => break Exit::Clean,
                _ = hangup.recv() => self.reload().await,
                _ = user1.recv() => warn!("SIGUSR1 means nothing here: SIGHUP reloads, SIGTERM stops"),
                _ = user2.recv() => warn!("SIGUSR2 means nothing here: SIGHUP reloads, SIGTERM stops"),
                _ = beats.tick(), if watchdog.is_some() => self.beat(&mut pulse),
                Some(_) = gates.join_next() => {
                    error!("a listener ended by itself: stopping, so that somebody starts us anew");
                    break Exit::NotDone;
                }
            }
        };
        info!("stopping: no new connections, mails under way are finished");
        self.front.set_ready(false);
        tell_systemd(&[NotifyState::Stopping]);
        let deadline = Instant::now() + self.front.gate().patience();
        no_more_mails.cancel();
        // The listeners cut off by themselves what is late; this clock does not depend on theirs.
        let all_ended = ended(&mut gates, deadline + GRACE).await;
        no_more_questions.cancel();
        let all_ended = ended(&mut watchers, deadline + GRACE).await && all_ended;
        if !all_ended {
            warn!("not everything ended in time: it is given up");
        }
        info!("stopped");
        Ok(exit)
    }

    /// Tells systemd that we live, where the reactor that moves mails does: it does so by itself, within the time that
    /// systemd waits for.
    fn beat(&self, pulse: &mut JoinSet<()>) {
        while pulse.try_join_next().is_some() {}
        // One that was not felt is not followed by others.
        if pulse.is_empty() {
            pulse.spawn_on(async { tell_systemd(&[NotifyState::Watchdog]) }, &self.mails);
        }
    }

    /// Reads the configuration anew. Where it has a fault the old one stays in force.
    async fn reload(&mut self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell_systemd(&[NotifyState::Reloading, now]),
            Err(why) => warn!(error = %why, "cannot tell systemd that the configuration is reloaded"),
        }
        let loaded = Config::load(self.arguments.config.as_deref(), &self.places);
        let result = match self.prepare(loaded).await {
            Ok(prepared) => {
                self.put_in_force(prepared);
                "done"
            }
            Err(faults) => {
                for fault in faults {
                    error!(error = %fault, "the configuration was not reloaded: the old one stays in force");
                }
                "refused"
            }
        };
        self.front.metrics.reloads.count(result);
        tell_systemd(&[NotifyState::Ready]);
    }

    /// Lets the reactor that moves mails take connections.
    fn among_mails(&self, socket: std::net::TcpListener) -> io::Result<TcpListener> {
        let _there = self.mails.enter();
        TcpListener::from_std(socket)
    }

    /// Prepares everything that a new configuration needs, or names what forbids it.
    async fn prepare(&self, loaded: Result<Config, Fault>) -> Result<Prepared, Vec<Fault>> {
        let mut config = loaded.map_err(|fault| vec![fault])?;
        config.gate.max_sessions = confinement::take_files(config.gate.max_sessions, config.intake.max_sessions);
        let source = self.source_for(&config).map_err(|fault| vec![fault])?;
        let office = Office::open(&config)?;
        let house_rules = HouseRules::open(&config, &host()).map_err(|fault| vec![fault])?;
        let tls = http::tls::open(&config.http).map_err(|fault| vec![fault])?;
        let provider = Provider::open(&config.oidc).map_err(|fault| vec![fault])?;
        let courier = config.courier(&source).map_err(|fault| vec![fault])?;
        let (settling, asked) = (Arc::clone(&office), source.clone());
        // The DNS is asked where its connections live.
        let settled = self.mails.spawn(async move {
            let settled = settling.settle(&config, &asked).await;
            (settled, config)
        });
        let (settled, config) = settled.await.map_err(|_| vec![Fault::new("fault-ours", [])])?;
        settled?;
        Ok(Prepared { source, office, house_rules: Arc::new(house_rules), tls, provider, courier, config })
    }

    /// Returns where answers come from under a new configuration: with the cache that there is, where that is possible.
    fn source_for(&self, config: &Config) -> Result<Source, Fault> {
        if config.dns == self.config.dns {
            return Ok(self.front.gate().source.clone());
        }
        source(self.arguments.dns.as_deref(), config)
    }

    /// Puts a configuration in force for all conversations that begin from now on.
    fn put_in_force(&mut self, prepared: Prepared) {
        let Prepared { source, office, house_rules, tls, provider, courier, config } = prepared;
        // First who calls, then who is told: nothing is called that nobody knows.
        self.courier.send_replace(Arc::new(courier));
        self.announcer.replace(&config.webhooks);
        self.desk.iter().for_each(|desk| desk.trust(provider.clone()));
        self.intake.iter().for_each(|intake| intake.replace(Arc::clone(&house_rules)));
        http::tls::warn_of_doubt(&config.http);
        self.secrecy.replace(tls);
        self.journal.set(config.log);
        let lasting = self.front.gate().lasting();
        self.front.replace(Gate::new(&config, source, office, lasting));
        info!("reloaded the configuration");
        let fixed = [
            ("gate.listen", self.config.gate.listen != config.gate.listen),
            ("sign.listen", self.config.sign.listen != config.sign.listen),
            ("intake.listen", self.config.intake.listen != config.intake.listen),
            ("intake.lmtp", self.config.intake.lmtp != config.intake.lmtp),
            ("http.listen", self.config.http.listen != config.http.listen),
            ("serve.user", self.config.serve.user != config.serve.user),
            ("serve.confine", self.config.serve.confine != config.serve.confine),
            ("serve.runtime_folder", self.config.serve.runtime_folder != config.serve.runtime_folder),
            ("store.folder", self.config.store.folder != config.store.folder),
            ("store.ledger", self.config.store.ledger != config.store.ledger),
            ("store.vault", self.config.store.vault != config.store.vault),
            ("store.vault_region", self.config.store.vault_region != config.store.vault_region),
            ("store.vault_endpoint", self.config.store.vault_endpoint != config.store.vault_endpoint),
            ("store.lake", self.config.store.lake != config.store.lake),
            ("store.lake_region", self.config.store.lake_region != config.store.lake_region),
            ("store.lake_endpoint", self.config.store.lake_endpoint != config.store.lake_endpoint),
            ("store.events", self.config.store.events != config.store.events),
            ("store.privacy.days", self.config.store.forgetting() != config.store.forgetting()),
            ("lake", self.config.lake != config.lake),
        ];
        let changed: Vec<&str> = fixed.iter().filter(|(_, is_other)| *is_other).map(|(name, _)| *name).collect();
        if !changed.is_empty() {
            warn!(options = changed.join(","), "these options changed, and hold only after a restart");
        }
        // What needs a restart is still as it was, and is told of again at the next reload.
        let before = std::mem::replace(&mut self.config, config);
        self.config.gate.listen = before.gate.listen;
        self.config.sign.listen = before.sign.listen;
        self.config.http.listen = before.http.listen;
        (self.config.intake.listen, self.config.intake.lmtp) = (before.intake.listen, before.intake.lmtp);
        self.config.serve = before.serve;
        self.config.lake = before.lake;
        let (local_parts, privacy) = (self.config.store.local_parts, self.config.store.privacy.clone());
        self.config.store = StoreSection { local_parts, privacy, ..before.store };
    }
}

/// What a new configuration needs, made ready.
struct Prepared {
    /// Where answers come from.
    source: Source,
    /// Who signs.
    office: Arc<Office>,
    /// The rules of the intake.
    house_rules: Arc<HouseRules>,
    /// What begins TLS by HTTP.
    tls: Option<TlsAcceptor>,
    /// Who vouches for people.
    provider: Option<Arc<Provider>>,
    /// Who calls webhooks.
    courier: Courier,
    /// What was written.
    config: Config,
}

/// Waits until all tasks have ended, and at the deadline gives up those that have not; tells whether all have.
async fn ended(tasks: &mut JoinSet<()>, deadline: Instant) -> bool {
    let all = timeout_at(deadline, async { while tasks.join_next().await.is_some() {} });
    let all_ended = all.await.is_ok();
    tasks.abort_all();
    all_ended
}

/// Says all faults but the last, and returns that one.
fn only_last(mut faults: Vec<Fault>, talk: &Talk, streams: &mut Streams<'_>) -> Fault {
    let last = faults.pop().unwrap_or_else(|| Fault::new("fault-ours", []));
    faults.iter().for_each(|fault| streams.talk_of_fault(&fault.say(talk)));
    last
}

/// Opens the notes on mails in work, in the configured folder or else in the first usual one that can be had.
fn in_work(config: &Config, places: &[PathBuf]) -> Result<InWork, Fault> {
    let folder = match &config.serve.runtime_folder {
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|why| Fault::io("fault-runtime-folder", folder, &why))?;
            Some(folder)
        }
        None => places.iter().find(|place| fs::create_dir_all(place).is_ok()),
    };
    let Some(folder) = folder else {
        warn!("no runtime folder: a mail that kills the program will be judged again");
        return Ok(InWork::without_folder());
    };
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    let in_work = InWork::open(folder, now).map_err(|why| Fault::io("fault-runtime-folder", folder, &why))?;
    if in_work.suspects() > 0 {
        warn!(suspects = in_work.suspects(), "mails were in work when the program died; they will pass unjudged");
    }
    Ok(in_work)
}

/// Returns the name of this host.
pub(crate) fn host() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    if host.is_empty() { "localhost".to_owned() } else { host }
}

/// Tells systemd how we are, where it listens.
fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(state) {
        warn!(error = %why, "cannot tell systemd how we are");
    }
}

/// Chooses where answers come from: the command line, else the configuration, else the system.
pub(crate) fn source(named: Option<&str>, config: &Config) -> Result<Source, Fault> {
    let upstreams = match named {
        Some(server) => {
            let upstream: Result<Upstream, _> = server.parse();
            let refused = |why: &_| crate::config::bad_upstream(why);
            vec![upstream.map_err(|why| {
                Fault::new("fault-dns", [("server", server.to_owned().into())]).because(refused(&why))
            })?]
        }
        None if config.dns.upstreams.is_empty() => Upstream::system()
            .map_err(|why| Fault::new("why-no-system-dns", []).because(Fault::quote(why.to_string())))?,
        None => config.dns.upstreams.clone(),
    };
    let resolver = ResolverConfig {
        authorities: config.dns.ca_file.clone(),
        cache_octets: config.dns.cache_octets,
        ..ResolverConfig::new(upstreams)
    };
    let resolver = Resolver::new(resolver)
        .map_err(|why| Fault::new("fault-resolver", []).because(Fault::quote(why.to_string())))?;
    Ok(Source::Dns(resolver))
}

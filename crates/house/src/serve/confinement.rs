//! What the kernel holds us to once all sockets are bound: another user, few files, few system calls
//!
//! Mails are hostile, and whoever finds a fault in us shall find little behind it. Everything here holds for this thread and
//! for all that it starts, so it comes before the reactor. Where a kernel does not know one of these, a line says so.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
};
use nix::sys::prctl::set_thp_disable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{User, geteuid, initgroups, setgid, setuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use tracing::{debug, info, warn};

use crate::config::{Config, StoreSection, TlsFiles};
use crate::fault::Fault;
use crate::gate::InWork;
use crate::store::make_for;

/// Files beside conversations: connections by HTTP, listeners, name servers, the runtime's own.
const FILES_BESIDE: u64 = 768;
/// What the system's resolver reads to find a name server that is given by name.
const NAMES: [&str; 7] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/run/systemd/resolve",
    "/usr/lib",
];
/// Where the system keeps the authorities that it trusts.
const AUTHORITIES: [&str; 4] =
    ["/etc/ssl", "/etc/pki", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"];
/// What is read of the process itself, and where randomness comes from on old kernels.
const OURSELVES: [&str; 2] = ["/proc/self", "/dev/urandom"];

/// Takes memory in small pages. What a daemon touches is a little in many places, which huge pages round up to two megabytes
/// each. What that saves in memory, and costs in time, stands in `docs/benchmarks.md`.
pub(super) fn take_small_pages() {
    if let Err(why) = set_thp_disable(true) {
        debug!(error = %why, "memory may come in huge pages");
    }
}

/// Takes as many files as the system allows: each conversation is one, with an MTA or with a sender of reports. Returns for how
/// many with MTAs they suffice, so that name servers can be asked even when no more fit in.
pub(super) fn take_files(sessions: usize, reports: usize) -> usize {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let beside = count(reports).saturating_add(FILES_BESIDE);
    let needed = count(sessions).saturating_add(beside);
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        let wanted = needed.max(soft).min(hard);
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).map(|()| wanted)
    });
    match raised {
        Ok(files) if files >= needed => sessions,
        Ok(files) => {
            let beside = beside.min(files / 2);
            let fit = usize::try_from(files - beside).unwrap_or(usize::MAX).clamp(1, sessions.max(1));
            warn!(
                limit = files,
                needed,
                sessions = fit,
                "too few files may be open for `gate.max_sessions` conversations"
            );
            fit
        }
        Err(why) => {
            warn!(error = %why, "cannot see how many files may be open");
            sessions
        }
    }
}

/// Becomes the configured user, where we are root. What root opened to write to becomes that user's.
pub(super) fn become_user(config: &Config, in_work: &InWork) -> anyhow::Result<()> {
    let is_root = geteuid().is_root();
    let Some(name) = &config.serve.user else {
        if is_root {
            warn!("running as root: set `serve.user`");
        }
        return Ok(());
    };
    if !is_root {
        info!(user = %name, "not started as root, so the user stays as it is");
        return Ok(());
    }
    let refused =
        |why: io::Error| Fault::new("fault-become", [("user", name.clone().into())]).because(Fault::system(&why));
    let user = User::from_name(name).map_err(|why| refused(why.into()))?;
    let user = user.ok_or_else(|| Fault::new("fault-no-user", [("user", name.clone().into())]))?;
    in_work.give_to(user.uid, user.gid).map_err(refused)?;
    if let Some(folder) = &config.store.folder {
        make_for(folder, user.uid, user.gid).map_err(|why| Fault::io("fault-make-folder", folder, &why))?;
    }
    let c_name = std::ffi::CString::new(name.as_str()).context("a user name without NUL was found")?;
    // Groups first: afterwards nobody may change them.
    initgroups(&c_name, user.gid).map_err(|why| refused(why.into()))?;
    setgid(user.gid).map_err(|why| refused(why.into()))?;
    setuid(user.uid).map_err(|why| refused(why.into()))?;
    info!(user = %name, "dropped root's privileges");
    Ok(())
}

/// Asks the kernel to hold us to what we need.
pub(super) fn confine(config: &Config, places: &[PathBuf], data: Option<&Path>) {
    if !config.serve.confine {
        warn!("not confined: `serve.confine` is false");
        return;
    }
    match nix::sys::prctl::set_no_new_privs() {
        Ok(()) => info!("confined: no new privileges"),
        Err(why) => warn!(error = %why, "not confined: the kernel does not promise that privileges stay as they are"),
    }
    let (readable, writable) = (readable(config, places), writable(config, data));
    match hold_files(&readable, &writable) {
        Ok(RulesetStatus::FullyEnforced) => {
            info!(read = %listed(&readable), write = %listed(&writable), "confined: files (landlock)");
        }
        Ok(RulesetStatus::PartiallyEnforced) => {
            info!(read = %listed(&readable), write = %listed(&writable), "confined in part: files (landlock is older)");
        }
        Ok(RulesetStatus::NotEnforced) => warn!("not confined: files (the kernel has no landlock)"),
        Err(why) => warn!(error = format!("{why:#}"), "not confined: files"),
    }
    match hold_calls() {
        Ok(count) => info!(refused = count, "confined: system calls (seccomp)"),
        Err(why) => warn!(error = format!("{why:#}"), "not confined: system calls"),
    }
}

/// Lists what has to be read while the daemon runs: the folder of its configuration, for reloads, and what it names.
fn readable(config: &Config, places: &[PathBuf]) -> Vec<PathBuf> {
    let folder = |path: &Path| path.canonicalize().ok()?.parent().map(Path::to_owned);
    let mut paths: Vec<PathBuf> = config.path().and_then(folder).into_iter().collect();
    paths.extend(
        places.iter().filter(|place| place.is_absolute()).filter_map(|place| place.parent()).map(PathBuf::from),
    );
    // A configuration at the root of the file system does not open all of it.
    paths.retain(|path| path.parent().is_some());
    paths.extend(config.dns.ca_file.clone());
    paths.extend(config.sign.keys.iter().map(|key| key.path.clone()));
    paths.extend(config.seal.key.as_ref().map(|key| key.path.clone()));
    paths.extend([&config.intake.tls, &config.http.tls].into_iter().flatten().flat_map(of_tls));
    if let Some(provider) = &config.oidc.provider {
        paths.extend(provider.secret.clone());
        paths.extend(AUTHORITIES.map(PathBuf::from));
    }
    if !config.webhooks.is_empty() {
        paths.extend(config.webhooks.iter().map(|hook| hook.secret.clone()));
        paths.extend(AUTHORITIES.map(PathBuf::from));
    }
    paths.extend(books_elsewhere(&config.store));
    // systemd hands secrets over in a folder of their own (`LoadCredential=`).
    paths.extend(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from));
    paths.extend(NAMES.iter().chain(&OURSELVES).map(PathBuf::from));
    paths.retain(|path| path.exists());
    paths.sort();
    paths.dedup();
    paths
}

/// Returns where certificate and key lie. They are renewed while we run: whatever then has their names, or is what these lead to,
/// stands in the same folders. A folder at the root of the file system holds more than that, and is not opened.
fn of_tls(files: &TlsFiles) -> Vec<PathBuf> {
    let named = [&files.certificate, &files.key];
    let meant = named.into_iter().filter_map(|path| path.canonicalize().ok());
    let all: Vec<PathBuf> = named.into_iter().cloned().chain(meant).collect();
    let folders = all.iter().filter_map(|path| path.parent()).filter(|folder| folder.components().count() > 2);
    let folders: Vec<PathBuf> = folders.map(Path::to_owned).collect();
    all.into_iter().chain(folders).collect()
}

/// Returns what is read to reach books that are not in the data folder: authorities, and passwords in PostgreSQL's own file.
fn books_elsewhere(store: &StoreSection) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    if let Some(ledger) = &store.ledger {
        paths.extend(ledger.authorities());
        let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
        paths.extend(named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pgpass"))));
    }
    if store.ledger.is_some() || store.vault.is_some() || store.lake.is_some() {
        paths.extend(AUTHORITIES.map(PathBuf::from));
    }
    paths
}

/// Returns the only folders to write to: the runtime folder, of which systemd may name several, and the data folder.
fn writable(config: &Config, data: Option<&Path>) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = match &config.serve.runtime_folder {
        Some(folder) => vec![folder.clone()],
        None => std::env::var_os("RUNTIME_DIRECTORY").iter().flat_map(std::env::split_paths).collect(),
    };
    folders.extend(data.map(Path::to_owned));
    folders
}

/// Writes paths as a list.
fn listed(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "nothing".to_owned();
    }
    paths.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>().join(",")
}

/// Lets only these files be read and written, and no further TCP port be opened.
fn hold_files(readable: &[PathBuf], writable: &[PathBuf]) -> anyhow::Result<RulesetStatus> {
    let abi = ABI::V5;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::BindTcp)?
        .create()?
        .add_rules(path_beneath_rules(readable, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(writable, AccessFs::from_all(abi)))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// Refuses the system calls that a mail filter never makes: they answer "not permitted". Returns how many there are.
///
/// What is refused is listed, rather than what is allowed: libraries and kernels learn new calls, and a mail filter that a
/// new libc stops is worse than one that the unit's own allow-list (`SystemCallFilter=`) holds as well.
fn hold_calls() -> anyhow::Result<usize> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    // Sockets only of the families that are needed: netlink lists our own addresses for the system's resolver.
    let unlike = |family: i32| {
        let family = u64::try_from(family).unwrap_or_default();
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let strange = families.into_iter().map(unlike).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(strange)?]);
    let count = rules.len();
    let not_permitted = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, not_permitted, ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(count)
}

/// The system calls that are refused.
#[rustfmt::skip]
const REFUSED: &[i64] = &[
    // Other programs.
    libc::SYS_execve, libc::SYS_execveat,
    // Other processes.
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd, libc::SYS_kcmp,
    // Other users.
    libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capset,
    // Another world.
    libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot, libc::SYS_setns, libc::SYS_unshare,
    libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount,
    libc::SYS_fspick, libc::SYS_mount_setattr, libc::SYS_mknodat, libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // The kernel and the machine.
    libc::SYS_kexec_load, libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_reboot,
    libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct, libc::SYS_quotactl, libc::SYS_syslog, libc::SYS_personality,
    libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_adjtimex, libc::SYS_clock_adjtime,
    libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_vhangup,
    // What attacks on kernels begin with.
    libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_add_key, libc::SYS_request_key,
    libc::SYS_keyctl, libc::SYS_fanotify_init,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")] libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")] libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")] libc::SYS_mknod,
];

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn what_the_kernel_holds_us_to_leaves_what_a_mail_needs() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, run) = (folder.path().join("keys"), folder.path().join("run"));
        [&keys, &run].iter().for_each(|folder| fs::create_dir(folder).unwrap());
        fs::write(keys.join("key"), "k").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // It holds for one thread and what that starts: the other tests go on as before.
        let held = thread::spawn(move || {
            let files = hold_files(std::slice::from_ref(&keys), std::slice::from_ref(&run)).unwrap();
            hold_calls().unwrap();
            let refused = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
            assert!(Command::new("/bin/true").spawn().is_err_and(refused), "another program");
            assert!(thread::spawn(|| 1).join().is_ok(), "a thread");
            UdpSocket::bind("127.0.0.1:0").unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            if files == RulesetStatus::NotEnforced {
                io::Write::write_all(&mut io::stderr(), b"NOT RUN: this kernel has no landlock\n").unwrap();
                return;
            }
            assert_eq!(fs::read(keys.join("key")).unwrap(), b"k");
            fs::write(run.join("state"), "s").unwrap();
            assert!(File::create(keys.join("new")).is_err_and(refused), "a file in the keys' folder");
            assert!(fs::read("/etc/passwd").is_err_and(refused), "a file that nobody named");
        });
        held.join().unwrap();
        Command::new("/bin/true").status().unwrap();
    }

    #[test]
    fn a_certificate_is_found_again_where_it_is_renewed_and_nothing_above_that_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        let (live, archive) = (top.join("live"), top.join("archive"));
        [&live, &archive].iter().for_each(|folder| fs::create_dir(folder).unwrap());
        for name in ["cert.pem", "key.pem"] {
            fs::write(archive.join(name), "").unwrap();
            std::os::unix::fs::symlink(archive.join(name), live.join(name)).unwrap();
        }
        let files = TlsFiles { certificate: live.join("cert.pem"), key: live.join("key.pem") };
        let open = of_tls(&files);
        assert!(open.contains(&live) && open.contains(&archive) && open.contains(&archive.join("key.pem")), "{open:?}");
        assert!(!open.contains(&top));
        for shallow in ["/cert.pem", "/etc/cert.pem"].map(PathBuf::from) {
            assert!(
                of_tls(&TlsFiles { certificate: shallow.clone(), key: shallow.clone() })
                    .iter()
                    .all(|one| *one == shallow)
            );
        }
    }
}

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;

const GRACE: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);

fn open(directory: &Path) -> Claims {
    Claims::open(1000, GRACE, Some(directory), NOW).unwrap()
}

/// The token of this number, issued at `NOW` and good for an hour.
fn token(number: u64) -> OneTime {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    OneTime { key, issued: Some(NOW), expires: NOW.after(Duration::from_secs(3600)) }
}

/// A token that only a process which knows of everything can take.
fn old(number: u64) -> OneTime {
    OneTime { issued: Some(Timestamp::from_seconds(NOW.seconds() - 60)), ..token(number) }
}

fn asker(connection: u64, check: u8) -> Asker {
    Asker { connection, check: [check; 32] }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn claim(claims: &Claims, tokens: &[OneTime], asker: Asker) -> Result<(), Refused> {
    wait(claims.claim(tokens, asker, NOW))
}

/// How many of many threads, each with its own asker, win one token.
fn winners(claims: &Claims, asker: impl Fn(u64) -> Asker + Sync) -> usize {
    const THREADS: u64 = 16;
    let (won, together) = (AtomicUsize::new(0), Barrier::new(usize::try_from(THREADS).unwrap()));
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let (won, together, asker) = (&won, &together, &asker);
            scope.spawn(move || {
                together.wait();
                if claim(claims, &[token(1)], asker(number)).is_ok() {
                    won.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    won.load(Ordering::Relaxed)
}

#[test]
fn of_many_at_once_exactly_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    for state in [None, Some(folder.path())] {
        let open = || Claims::open(1000, GRACE, state, NOW).unwrap();
        assert_eq!(winners(&open(), |number| asker(number, 1)), 1, "each on its own connection");
        let other = tempfile::tempdir().unwrap();
        let claims = Claims::open(1000, GRACE, state.map(|_| other.path()), NOW).unwrap();
        let check = |number| asker(7, u8::try_from(number).unwrap());
        assert_eq!(winners(&claims, check), 1, "different Checks on one connection");
    }
}

#[test]
fn one_asker_wins_as_often_as_it_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    for state in [None, Some(folder.path())] {
        let claims = Claims::open(1000, GRACE, state, NOW).unwrap();
        assert_eq!(winners(&claims, |_| asker(7, 1)), 16);
        assert_eq!(claim(&claims, &[token(1)], asker(7, 2)), Err(Refused::Replayed));
    }
}

#[test]
fn nothing_to_claim_is_claimed() {
    assert_eq!(claim(&Claims::open(0, GRACE, None, NOW).unwrap(), &[], asker(1, 1)), Ok(()));
}

#[test]
fn without_state_a_restart_refuses_what_was_issued_before_it() {
    let claims = Claims::open(1000, GRACE, None, NOW).unwrap();
    assert_eq!(claim(&claims, &[old(1)], asker(1, 1)), Err(Refused::Replayed));
    assert_eq!(claim(&claims, &[token(2)], asker(1, 1)), Ok(()));
}

#[test]
fn claims_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    assert_eq!(claim(&claims, &[token(1), token(2)], asker(1, 1)), Ok(()));
    let claims = restarted(claims, folder.path());
    for number in [1, 2] {
        assert_eq!(claim(&claims, &[token(number)], asker(1, 1)), Err(Refused::Replayed));
    }
    assert_eq!(claim(&claims, &[token(3)], asker(1, 1)), Ok(()));
}

#[test]
fn a_restart_that_knows_everything_takes_older_tokens_but_not_those_from_before_its_first_claim() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    assert_eq!(claim(&claims, &[old(1)], asker(1, 1)), Err(Refused::Replayed), "what came before is not known");
    drop(claims);
    let later = NOW.after(Duration::from_secs(600));
    let claims = reopened(folder.path(), later);
    let issued = |number, seconds| OneTime { issued: Some(NOW.after(Duration::from_secs(seconds))), ..token(number) };
    assert_eq!(wait(claims.claim(&[issued(2, 1)], asker(1, 1), later)), Ok(()), "issued between the two starts");
    assert_eq!(wait(claims.claim(&[old(1)], asker(1, 1), later)), Err(Refused::Replayed), "still not known");
}

#[test]
fn damage_is_as_if_nothing_were_known_and_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    for number in [1, 2] {
        assert_eq!(claim(&claims, &[token(number)], asker(1, 1)), Ok(()));
    }
    drop(claims);
    released(folder.path());
    let file = folder.path().join("claims.log");
    let mut bytes = fs::read(&file).unwrap();
    bytes[64 + 20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let later = NOW.after(Duration::from_secs(600));
    for start in ["first", "second"] {
        let claims = reopened(folder.path(), later);
        for number in [1, 2] {
            let refused = wait(claims.claim(&[token(number)], asker(1, 1), later));
            assert_eq!(refused, Err(Refused::Replayed), "token {number} at the {start} start after the damage");
        }
    }
    let claims = reopened(folder.path(), later);
    assert_eq!(wait(claims.claim(&[OneTime { issued: Some(later), ..token(3) }], asker(1, 1), later)), Ok(()));
}

#[test]
fn a_crash_at_any_byte_loses_no_claim_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.log");
    let claims = open(folder.path());
    // After each acknowledgement, as long as the file is then.
    let mut acknowledged = vec![(0, fs::metadata(&path).unwrap().len())];
    for number in (1..=8_u64).step_by(2) {
        assert_eq!(claim(&claims, &[token(number), token(number + 1)], asker(number, 1)), Ok(()));
        acknowledged.push((number + 1, fs::metadata(&path).unwrap().len()));
    }
    drop(claims);
    let whole = fs::read(&path).unwrap();
    let first = usize::try_from(acknowledged[0].1).unwrap();
    for length in first..=whole.len() {
        let crashed = tempfile::tempdir().unwrap();
        fs::write(crashed.path().join("claims.log"), &whole[..length]).unwrap();
        let claims = open(crashed.path());
        let (spent, _) = acknowledged.iter().rfind(|(_, end)| *end <= length as u64).unwrap();
        let table = claims.table();
        for number in 1..=8 {
            let known = table.settled().any(|(key, _)| key == token(number).key);
            assert_eq!(known, number <= *spent, "token {number} after a crash at byte {length}");
        }
        // Torn is not damaged: the bound is still that of the very first start.
        assert_eq!(table.marks().bound, Some(NOW));
    }
}

#[test]
fn a_claim_goes_behind_a_torn_end_and_not_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    assert_eq!(claim(&claims, &[token(1)], asker(1, 1)), Ok(()));
    drop(claims);
    released(folder.path());
    let path = folder.path().join("claims.log");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([7; 30]);
    fs::write(&path, bytes).unwrap();
    let claims = reopened(folder.path(), NOW);
    assert_eq!(claim(&claims, &[token(2)], asker(1, 1)), Ok(()));
    let claims = restarted(claims, folder.path());
    for number in [1, 2] {
        assert_eq!(claim(&claims, &[token(number)], asker(2, 2)), Err(Refused::Replayed));
    }
}

#[test]
fn a_file_that_cannot_be_written_spends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = Moment { now: NOW, boot: clock::boot() };
    let claims = Claims::on_disk(Table::new(1000, GRACE, at), Log::unwritable(folder.path())).unwrap();
    for _ in 0..2 {
        assert_eq!(claim(&claims, &[token(1)], asker(1, 1)), Err(Refused::Unavailable));
    }
    assert_eq!(claims.table().len(), 0);
}

#[test]
fn a_full_store_says_so_and_still_knows_everyone() {
    let folder = tempfile::tempdir().unwrap();
    for state in [None, Some(folder.path())] {
        let claims = Claims::open(2, GRACE, state, NOW).unwrap();
        assert_eq!(claim(&claims, &[token(1), token(2)], asker(1, 1)), Ok(()));
        assert_eq!(claim(&claims, &[token(3)], asker(1, 2)), Err(Refused::Full));
        assert_eq!(claim(&claims, &[token(1)], asker(1, 2)), Err(Refused::Replayed));
    }
}

#[test]
fn a_smaller_capacity_forgets_nothing_at_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    for number in 1..=5 {
        assert_eq!(claim(&claims, &[token(number)], asker(1, 1)), Ok(()));
    }
    drop(claims);
    released(folder.path());
    let claims = Claims::open(1, GRACE, Some(folder.path()), NOW).unwrap();
    for number in 1..=5 {
        assert_eq!(claim(&claims, &[token(number)], asker(1, 1)), Err(Refused::Replayed));
    }
    assert_eq!(claim(&claims, &[token(6)], asker(1, 1)), Err(Refused::Full));
}

#[test]
fn the_file_does_not_grow_with_claims_that_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |now| Moment { now, boot: clock::boot() };
    let (mut log, mut table) = Log::open(folder.path(), 1000, GRACE, at(NOW)).unwrap();
    let short = (token(1).key, NOW.after(Duration::from_secs(1)));
    let long = (token(2).key, NOW.after(Duration::from_secs(3600)));
    log.append([[short].as_slice(), &[long]].into_iter()).unwrap();
    table.restore(long.0, long.1, at(NOW));
    log.compact(table.marks(), table.settled()).unwrap();
    assert_eq!(fs::metadata(folder.path().join("claims.log")).unwrap().len(), 2 * 64);
    log.append([[short].as_slice()].into_iter()).unwrap();
    drop(log);
    let (log, table) = Log::open(folder.path(), 1000, GRACE, at(NOW.after(Duration::from_secs(2)))).unwrap();
    assert_eq!((log.len(), table.settled().collect::<Vec<_>>()), (1, vec![long]));
    assert_eq!(table.marks().horizon, short.1, "that one was forgotten is not");
}

#[test]
fn the_writer_takes_out_what_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    wait(async {
        for number in 1..=1500 {
            assert_eq!(claims.claim(&[token(number)], asker(number, 1), NOW).await, Ok(()));
            // As if it were over.
            claims.table().settle(number, &[(token(number).key, token(number).expires)], false);
        }
    });
    let length = || fs::metadata(folder.path().join("claims.log")).unwrap().len();
    assert!(length() < 1100 * 64, "{} bytes", length());
}

#[test]
fn claims_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    assert_eq!(claim(&claims, &[token(1)], asker(1, 1)), Ok(()));
    for name in ["claims.log", "claims.lock"] {
        assert_eq!(fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_directory_that_anybody_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o1777, 0o702] {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        let refused = Claims::open(1000, GRACE, Some(folder.path()), NOW);
        assert!(matches!(refused, Err(ClaimsError::Exposed(_))), "{mode:o}");
    }
}

#[test]
fn a_directory_that_somebody_else_made_first_is_not_ours() {
    assert!(log::is_kept_by(65_531, 65_531) && log::is_kept_by(0, 65_531));
    assert!(!log::is_kept_by(1000, 65_531) && !log::is_kept_by(1000, 0));
    let volume = tempfile::tempdir().unwrap();
    let directory = volume.path().join("state");
    fs::DirBuilder::new().create(&directory).unwrap();
    // Only root can play both.
    if std::os::unix::fs::chown(&directory, Some(1000), None).is_ok() {
        let refused = Claims::open(1000, GRACE, Some(&directory), NOW);
        assert!(matches!(refused, Err(ClaimsError::Foreign(_, 1000))));
    }
}

#[test]
fn a_volume_of_everybody_holds_a_directory_that_is_ours() {
    let volume = tempfile::tempdir().unwrap();
    fs::set_permissions(volume.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let directory = volume.path().join("state");
    let claims = open(&directory);
    assert_eq!(claim(&claims, &[token(1)], asker(1, 1)), Ok(()));
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    drop(restarted(claims, &directory));
}

#[test]
fn two_processes_do_not_claim_in_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    let claims = open(folder.path());
    let second = Claims::open(1000, GRACE, Some(folder.path()), NOW);
    assert!(matches!(second, Err(ClaimsError::Shared(_))));
    drop(restarted(claims, folder.path()));
}

#[test]
fn a_directory_that_is_none_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [folder.path().join("gone/below"), file] {
        assert!(matches!(Claims::open(1000, GRACE, Some(&path), NOW), Err(ClaimsError::Unusable { .. })));
    }
}

/// Ends a process' claims and begins the next one's.
fn restarted(claims: Claims, directory: &Path) -> Claims {
    drop(claims);
    reopened(directory, NOW)
}

fn reopened(directory: &Path, now: Timestamp) -> Claims {
    released(directory);
    Claims::open(1000, GRACE, Some(directory), now).unwrap()
}

/// Waits until the writer of the claims before has ended.
fn released(directory: &Path) {
    let lock = fs::File::open(directory.join("claims.lock")).unwrap();
    lock.lock().unwrap();
}

use super::*;

const GRACE: Duration = Duration::from_millis(500);
/// The process began here, by both clocks.
const START: (i64, u64) = (1000, 50);

fn at(seconds: i64, boot: u64) -> Moment {
    Moment { now: Timestamp::from_seconds(seconds), boot: Duration::from_secs(boot) }
}

/// Both clocks `seconds` after the start.
fn later(seconds: u64) -> Moment {
    at(START.0 + i64::try_from(seconds).unwrap(), START.1 + seconds)
}

fn table(capacity: usize) -> Table {
    Table::new(capacity, GRACE, later(0))
}

fn token(name: u8, issued: i64, expires: i64) -> OneTime {
    OneTime {
        key: [name; 32],
        issued: Some(Timestamp::from_seconds(issued)),
        expires: Timestamp::from_seconds(expires),
    }
}

fn asker(connection: u64, check: u8) -> Asker {
    Asker { connection, check: [check; 32] }
}

/// Claims for an asker that never comes again.
fn claim(table: &mut Table, token: OneTime, at: Moment) -> Result<(), Refused> {
    let once = asker(u64::MAX, 0);
    match table.claim(&[token], once, at, None) {
        Ok(Claimed::New(_)) => Ok(()),
        Ok(Claimed::Again(_)) | Err(Refused::Replayed) => Err(Refused::Replayed),
        Err(refused) => Err(refused),
    }
}

#[test]
fn the_second_claim_of_a_token_is_refused() {
    let mut table = table(8);
    assert_eq!(claim(&mut table, token(1, 1000, 1060), later(1)), Ok(()));
    assert_eq!(claim(&mut table, token(1, 1000, 1060), later(1)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, token(2, 1000, 1060), later(1)), Ok(()));
}

#[test]
fn the_same_asker_may_repeat_itself_for_a_moment_only() {
    let mut table = table(8);
    let tokens = [token(1, 1000, 1060)];
    let made = later(1);
    let after = |millis| Moment { boot: made.boot + Duration::from_millis(millis), ..made };
    assert!(matches!(table.claim(&tokens, asker(7, 1), made, None), Ok(Claimed::New(_))));
    assert!(matches!(table.claim(&tokens, asker(7, 1), after(0), None), Ok(Claimed::Again(None))));
    assert!(matches!(table.claim(&tokens, asker(7, 1), after(500), None), Ok(Claimed::Again(None))));
    for (name, other, when) in [("connection", asker(8, 1), 1), ("check", asker(7, 2), 1), ("moment", asker(7, 1), 501)]
    {
        assert_eq!(table.claim(&tokens, other, after(when), None).err(), Some(Refused::Replayed), "another {name}");
    }
}

#[test]
fn repeating_does_not_lengthen_the_moment() {
    let mut table = table(8);
    let tokens = [token(1, 1000, 1060)];
    let made = later(1);
    for millis in [0, 300, 500] {
        let at = Moment { boot: made.boot + Duration::from_millis(millis), ..made };
        assert!(table.claim(&tokens, asker(7, 1), at, None).is_ok(), "{millis}");
    }
    let at = Moment { boot: made.boot + Duration::from_millis(700), ..made };
    assert_eq!(table.claim(&tokens, asker(7, 1), at, None).err(), Some(Refused::Replayed));
}

#[test]
fn of_two_tokens_both_are_claimed_or_none() {
    let mut table = table(8);
    let (spent, fresh) = (token(1, 1000, 1060), token(2, 1000, 1060));
    assert_eq!(claim(&mut table, spent, later(1)), Ok(()));
    for tokens in [[spent, fresh], [fresh, spent]] {
        assert_eq!(table.claim(&tokens, asker(7, 1), later(1), None).err(), Some(Refused::Replayed));
    }
    assert_eq!(claim(&mut table, fresh, later(1)), Ok(()), "nobody has claimed this one");
}

#[test]
fn who_claimed_two_tokens_apart_has_not_claimed_them_together() {
    let mut table = table(8);
    let (one, two) = (token(1, 1000, 1060), token(2, 1000, 1060));
    assert!(table.claim(&[one], asker(7, 1), later(1), None).is_ok());
    assert!(table.claim(&[two], asker(7, 1), later(1), None).is_ok());
    assert_eq!(table.claim(&[one, two], asker(7, 1), later(1), None).err(), Some(Refused::Replayed));
}

#[test]
fn a_token_that_is_there_twice_is_used_twice() {
    let mut table = table(8);
    let twice = [token(1, 1000, 1060), token(1, 1000, 1060)];
    assert_eq!(table.claim(&twice, asker(7, 1), later(1), None).err(), Some(Refused::Replayed));
    assert_eq!(table.len(), 0);
}

#[test]
fn a_full_table_forgets_nobody() {
    let mut table = table(2);
    for name in [1, 2] {
        assert_eq!(claim(&mut table, token(name, 1000, 1060), later(1)), Ok(()));
    }
    assert_eq!(claim(&mut table, token(3, 1000, 1060), later(59)), Err(Refused::Full));
    assert_eq!(claim(&mut table, token(1, 1000, 1060), later(59)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, token(3, 1000, 1090), later(61)), Ok(()), "room comes with the end of others");
    assert_eq!(table.len(), 1);
}

#[test]
fn two_tokens_do_not_fit_where_there_is_room_for_one() {
    let mut table = table(1);
    let two = [token(1, 1000, 1060), token(2, 1000, 1060)];
    assert_eq!(table.claim(&two, asker(7, 1), later(1), None).err(), Some(Refused::Full));
    assert_eq!(table.len(), 0);
}

#[test]
fn what_is_over_is_forgotten_a_piece_at_a_time() {
    let mut table = table(1000);
    for number in 0..200_u64 {
        let mut one = token(0, 1000, 1010);
        one.key[..8].copy_from_slice(&number.to_be_bytes());
        assert_eq!(claim(&mut table, one, later(1)), Ok(()));
    }
    assert_eq!(claim(&mut table, token(255, 1000, 1090), later(20)), Ok(()));
    assert_eq!(table.len(), 200 - AT_ONCE + 1);
    for name in 251..255 {
        assert_eq!(claim(&mut table, token(name, 1000, 1090), later(20)), Ok(()));
    }
    assert_eq!(table.len(), 5);
}

#[test]
fn what_was_issued_before_the_start_may_be_spent() {
    let mut table = table(8);
    assert_eq!(claim(&mut table, token(1, 999, 1060), later(1)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, OneTime { issued: None, ..token(2, 0, 1060) }, later(1)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, token(3, 1000, 1060), later(1)), Ok(()));
}

#[test]
fn a_token_that_does_not_say_when_it_was_issued_is_taken_once_all_from_before_are_over() {
    let mut table = table(8);
    let unknown = |name, expires: Moment| OneTime { key: [name; 32], issued: None, expires: expires.now };
    let soon = LONGEST.as_secs();
    assert_eq!(claim(&mut table, unknown(1, later(soon + 9)), later(soon - 1)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, unknown(1, later(soon + 9)), later(soon)), Ok(()));
}

#[test]
fn where_everything_is_known_the_start_does_not_matter() {
    let marks = Marks { bound: None, horizon: Timestamp::MIN };
    let mut table = Table::with_marks(8, GRACE, marks);
    table.restore([1; 32], Timestamp::from_seconds(1060), later(0));
    assert_eq!(claim(&mut table, token(1, 900, 1060), later(1)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, token(2, 900, 1060), later(1)), Ok(()));
    assert_eq!(claim(&mut table, OneTime { issued: None, ..token(3, 0, 1060) }, later(1)), Ok(()));
}

#[test]
fn nobody_repeats_a_claim_of_an_earlier_process() {
    let mut table = Table::with_marks(8, GRACE, Marks { bound: None, horizon: Timestamp::MIN });
    table.restore([1; 32], Timestamp::from_seconds(1060), later(0));
    let tokens = [token(1, 900, 1060)];
    assert_eq!(table.claim(&tokens, asker(0, 0), later(0), None).err(), Some(Refused::Replayed));
}

#[test]
fn a_claim_outlives_a_clock_that_stands_still() {
    let mut table = table(8);
    assert_eq!(claim(&mut table, token(1, 1000, 1060), later(1)), Ok(()));
    // The wall clock stepped back by a day: `now` stands, and the token counts all the while.
    assert_eq!(claim(&mut table, token(1, 1000, 1060), at(1001, 50 + 40_000)), Err(Refused::Replayed));
    assert_eq!(claim(&mut table, token(2, 1000, 1060), at(1001, 50 + 40_001)), Ok(()));
    assert_eq!(table.len(), 2);
}

#[test]
fn a_claim_outlives_a_jump_ahead_that_is_taken_back() {
    let mut table = table(8);
    assert_eq!(claim(&mut table, token(1, 1000, 1060), later(1)), Ok(()));
    assert_eq!(claim(&mut table, token(2, 8000, 9000), at(8900, 52)), Ok(()), "in the jump");
    assert_eq!(claim(&mut table, token(1, 1000, 1060), later(3)), Err(Refused::Replayed), "after it");
}

#[test]
fn a_claim_made_and_forgotten_in_a_jump_still_counts_after_it() {
    let mut table = table(8);
    let long = OneTime { issued: Some(Timestamp::from_seconds(1000)), ..token(1, 0, 9000) };
    assert_eq!(claim(&mut table, long, at(8900, 60)), Ok(()), "in the jump");
    assert_eq!(claim(&mut table, token(2, 8900, 9500), at(9100, 260)), Ok(()), "still in it");
    assert_eq!(table.len(), 1, "the first is over by both clocks");
    assert_eq!(claim(&mut table, long, at(1220, 270)), Err(Refused::Replayed), "after it");
    assert_eq!(claim(&mut table, token(3, 1220, 9001), at(1220, 270)), Ok(()), "and this one never was");
}

#[test]
fn a_jump_beyond_the_life_of_any_token_refuses_nobody_after_it() {
    let mut table = table(8);
    let far = 1000 + 2 * i64::try_from(LONGEST.as_secs()).unwrap();
    assert_eq!(claim(&mut table, token(1, far, far + 10), at(far, 60)), Ok(()));
    assert_eq!(claim(&mut table, token(2, far, far + 100), at(far + 20, 80)), Ok(()));
    assert_eq!(claim(&mut table, token(3, 1090, 1160), at(1100, 90)), Ok(()));
}

#[test]
fn a_token_that_is_over_is_not_claimed() {
    assert_eq!(claim(&mut table(8), token(1, 1000, 1001), later(1)), Err(Refused::Replayed));
}

#[test]
fn a_claim_that_was_not_written_can_be_made_again() {
    let mut table = table(8);
    let one = token(1, 1000, 1060);
    let (_done, settled) = tokio::sync::watch::channel(None);
    let Ok(Claimed::New(first)) = table.claim(&[one], asker(7, 1), later(1), Some(&settled)) else {
        panic!("not claimed")
    };
    assert_eq!(table.settled().count(), 0, "not on disk yet");
    assert!(matches!(table.claim(&[one], asker(7, 1), later(1), None), Ok(Claimed::Again(Some(_)))));
    table.settle(first, &[(one.key, one.expires)], false);
    let Ok(Claimed::New(second)) = table.claim(&[one], asker(9, 9), later(1), Some(&settled)) else {
        panic!("not claimed")
    };
    // Late word of the first claim is not about the second.
    table.settle(first, &[(one.key, one.expires)], false);
    table.settle(second, &[(one.key, one.expires)], true);
    assert_eq!(table.settled().count(), 1);
    assert_eq!(claim(&mut table, one, later(2)), Err(Refused::Replayed));
}

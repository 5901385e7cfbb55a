use super::*;

/// A small bundle of every kind of file.
fn sample() -> Vec<u8> {
    archive(&[
        member("./", b'5', 0o755, b""),
        file("./.manifest", r#"{"revision": "7", "roots": ["a", "x"]}"#),
        member("./x/", b'5', 0o755, b""),
        file("./x/data.json", r#"{"y": 1}"#),
        file("./a/p.rego", POLICY),
        file("./a/p_test.rego", "package a.tests\n"),
        file("./LICENSE", "free"),
    ])
}

fn same(one: &Bundle, other: &Bundle) -> bool {
    (&one.modules, &one.tests, &one.data, &one.ignored) == (&other.modules, &other.tests, &other.data, &other.ignored)
}

#[test]
fn a_bundle_is_the_same_packed_in_any_way() {
    let plain = read(&sample()).unwrap();
    assert_eq!(plain.revision(), Some("7"));
    assert_eq!((plain.modules().len(), plain.tests().len()), (1, 1));
    assert_eq!(plain.modules()[0].path, "a/p.rego");
    assert_eq!(plain.modules()[0].package, ["a"]);
    assert_eq!(plain.data(), &json(r#"{"x": {"y": 1}}"#));
    assert_eq!((plain.data_files(), plain.ignored()), (&["x/data.json".to_owned()][..], &["LICENSE".to_owned()][..]));
    let packed = read(&gzip(&sample())).unwrap();
    assert!(same(&plain, &packed));
    assert_ne!(plain.digest(), packed.digest());
    let rooted = String::from_utf8(sample()).unwrap();
    let files: Vec<_> = [("/.manifest", r#"{"revision": "7", "roots": ["a", "x"]}"#), ("/x/data.json", r#"{"y": 1}"#)]
        .into_iter()
        .chain([("/a/p.rego", POLICY), ("/a/p_test.rego", "package a.tests\n"), ("/LICENSE", "free")])
        .collect();
    assert!(same(&plain, &read(&tar(&files)).unwrap()), "{}", rooted.len());
}

#[test]
fn a_member_that_is_no_plain_file_refuses_the_whole() {
    for (kind, mode, said) in [
        (b'1', 0o644, "a hard link"),
        (b'2', 0o777, "a symbolic link"),
        (b'3', 0o644, "a device"),
        (b'4', 0o644, "a device"),
        (b'6', 0o644, "a pipe"),
        (b'7', 0o644, "neither a file nor a directory"),
        (b'S', 0o644, "a sparse file"),
        (b'K', 0o644, "neither a file nor a directory"),
        (b'V', 0o644, "neither a file nor a directory"),
        (b'0', 0o4755, "setuid"),
        (b'0', 0o2755, "setgid"),
        (b'0', 0o1755, "sticky"),
        (b'5', 0o2755, "setgid"),
    ] {
        let error = read(&archive(&[file("a.rego", POLICY), member("b", kind, mode, b"")])).unwrap_err();
        assert!(error.starts_with("b: bundle.archive: `b` is ") && error.contains(said), "{error}");
    }
    let error = read(&archive(&[member("d/", b'5', 0o755, b"content")])).unwrap_err();
    assert!(error.contains("a directory with content"), "{error}");
    for sparse in ["GNU.sparse.major=1", "GNU.sparse.name=a", "linkpath=/etc/passwd", "size=99", "hdrcharset=BINARY"] {
        let error = read(&archive(&[pax(b'x', &[sparse]), file("a.rego", POLICY)])).unwrap_err();
        assert!(error.contains("is refused"), "{error}");
    }
}

#[test]
fn a_path_that_another_reader_could_take_otherwise_refuses_the_whole() {
    let long = "n".repeat(255);
    let deep = vec!["d"; 33].join("/");
    for (name, said) in [
        ("../x", "`..`"),
        ("/../x", "`..`"),
        ("a/../../x", "`..`"),
        ("a/./x", "`.`"),
        ("././x", "`.`"),
        ("//x", "slash"),
        ("/./x", "`.`"),
        (".//x", "slash"),
        ("a//x", "slash"),
        ("a/", "slash"),
        ("", "slash"),
        ("/", "slash"),
        (".", "`.`"),
        ("..", "`..`"),
        ("a\\b", "backslash"),
        ("C:\\x", "backslash"),
        ("a\nb", "control"),
        ("a\u{7f}b", "control"),
        ("a\u{85}b", "control"),
        (&long, "255"),
        (&deep, "parts"),
    ] {
        let entry = archive(&[pax(b'x', &[&format!("path={name}")]), file("short", "")]);
        let error = read(&entry).unwrap_err();
        assert!(
            error.contains(said) && (error.contains("bundle.path") || error.contains("bundle.limit")),
            "{name:?}: {error}"
        );
    }
    let nul = archive(&[pax(b'x', &["path=a\0b"]), file("short", "")]);
    assert!(read(&nul).unwrap_err().contains("control"));
    let mut latin = file("caf_.rego", POLICY);
    latin[3] = 0xe9;
    let sum: u32 = latin[..148].iter().chain(&latin[156..512]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    latin[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert!(read(&archive(&[latin])).unwrap_err().contains("not UTF-8"));
}

#[test]
fn two_members_with_one_path_refuse_the_whole() {
    for (one, other) in [
        ("a.rego", "a.rego"),
        ("a.rego", "/a.rego"),
        ("./a.rego", "a.rego"),
        ("a.rego", "A.rego"),
        ("straße.rego", "STRASSE.rego"),
        ("k.rego", "\u{212a}.rego"),
    ] {
        let error = read(&tar(&[(one, POLICY), (other, POLICY)])).unwrap_err();
        assert!(error.contains("is there twice"), "{error}");
    }
    assert!(read(&tar(&[("a", "x"), ("a/b.rego", POLICY)])).unwrap_err().contains("lies below a file"));
    assert!(read(&archive(&[member("a/", b'5', 0o755, b""), file("a", "x")])).unwrap_err().contains("twice"));
}

#[test]
fn long_names_are_read_within_bounds() {
    let name = format!("{}/{}/p.rego", "d".repeat(100), "e".repeat(100));
    let gnu = |name: &str| member("././@LongLink", b'L', 0, format!("{name}\0").as_bytes());
    for head in [gnu(&name), pax(b'x', &[&format!("path={name}"), "mtime=1.5", "SCHILY.xattr.user.a=b"])] {
        let bundle = read(&archive(&[pax(b'g', &["comment=00ff"]), head, file("cut", POLICY)])).unwrap();
        assert_eq!(bundle.modules()[0].path, name);
    }
    let long = "n/".repeat(600);
    for (members, said) in [
        (vec![gnu(&long), file("cut", "")], "more than 1024"),
        (vec![gnu("a"), gnu("b"), file("cut", "")], "two long names"),
        (vec![gnu("a"), pax(b'x', &["path=b"]), file("cut", "")], "two long names"),
        (vec![gnu("a")], "belongs to no file"),
        (vec![pax(b'g', &["path=a"]), file("cut", "")], "for all files at once"),
        (vec![pax(b'x', &["path=a", "path=b"]), file("cut", "")], "malformed"),
        (vec![member("h", b'x', 0, b"99 path=a\n"), file("cut", "")], "malformed"),
        (vec![member("h", b'x', 0, b"3 p=a\n"), file("cut", "")], "malformed"),
        (vec![member("h", b'x', 0, b"0 path=a\n"), file("cut", "")], "malformed"),
        (vec![member("h", b'x', 0, b"path=a\n"), file("cut", "")], "malformed"),
        (vec![member("h", b'x', 0, &[b'1'; 70_000]), file("cut", "")], "a header has"),
    ] {
        let error = read(&archive(&members)).unwrap_err();
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused_or_whole() {
    let (plain, packed) = (sample(), gzip(&sample()));
    let whole = read(&plain).unwrap();
    for end in 0..plain.len() {
        assert!(read(&plain[..end]).is_err(), "{end}");
    }
    for end in 0..packed.len() {
        assert!(read(&packed[..end]).is_err(), "{end}");
    }
    // What `tar` fills its last record with may be missing, and nothing else.
    let record = [&plain[..], &[0; 2048]].concat();
    for end in plain.len()..record.len() {
        assert!(read(&record[..end]).is_ok_and(|read| same(&read, &whole)), "{end}");
    }
}

#[test]
fn an_archive_that_was_changed_anywhere_is_refused_or_read_in_bounds() {
    for bytes in [sample(), gzip(&sample())] {
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            // Whatever it is now, it is judged; with a signature, it would be refused.
            drop(read(&bytes));
        }
    }
    // What was compressed has a checksum.
    let (packed, whole) = (gzip(&sample()), read(&sample()).unwrap());
    for at in 10..packed.len() {
        let mut bytes = packed.clone();
        bytes[at] ^= 1;
        // Some bits of a compressed stream mean nothing.
        assert!(read(&bytes).map_or(true, |read| same(&read, &whole)), "{at}");
    }
}

#[test]
fn nothing_stands_behind_the_end_or_between_the_files() {
    let (plain, packed) = (sample(), gzip(&sample()));
    let mut padded = sample();
    let content = padded.windows(4).position(|window| window == b"free").unwrap();
    padded[content + 4] = b'!';
    for bytes in [
        [&plain[..], b"x"].concat(),
        [&plain[..], &file("late.rego", POLICY)].concat(),
        gzip(&[&plain[..], b"x"].concat()),
        [&packed[..], b"x"].concat(),
        [&packed[..], &[0]].concat(),
        [&packed[..], &packed].concat(),
        [&packed[..], &gzip(b"")].concat(),
        padded,
    ] {
        let error = read(&bytes).unwrap_err();
        assert!(error.contains("belong to no file, or stand behind the end"), "{error}");
    }
    let mut single = plain[..plain.len() - 512].to_vec();
    single.extend(file("late.rego", POLICY));
    assert!(read(&archive(&[single])).unwrap_err().contains("a single block of zeros"));
    for other in [&b""[..], b"no archive", b"\x28\xb5\x2f\xfd", &[0; 512], &gzip(b""), &gzip(b"no archive")] {
        assert!(read(other).is_err());
    }
}

#[test]
fn a_bomb_ends_at_its_bound() {
    let bomb = |size: usize| gzip(&archive(&[member("a.bin", b'0', 0o644, &vec![0; size])]));
    let small = Limits { ratio: 10, ratio_from: 1 << 20, file: 4 << 20, ..Limits::default() };
    let error = read_within(&bomb(3 << 20), &small).unwrap_err();
    assert!(error.contains("more than 10 times its size"), "{error}");
    assert!(read_within(&bomb(900 << 10), &small).is_ok(), "what is small may compress well");
    let few = Limits { bytes: 1 << 20, ..Limits::default() };
    assert!(read_within(&bomb(2 << 20), &few).unwrap_err().contains("more than 1048576 bytes"));
    let zeros = gzip(&[tar(&[("a.rego", POLICY)]), vec![0; 4 << 20]].concat());
    assert!(read_within(&zeros, &few).unwrap_err().contains("more than 1048576 bytes"), "zeros behind the end count");
    let one = Limits { file: 10, ..Limits::default() };
    assert!(read_within(&tar(&[("a.bin", "01234567890")]), &one).unwrap_err().contains("has 11 bytes, more than 10"));
    let delivered = Limits { compressed: 100, ..Limits::default() };
    assert!(read_within(&tar(&[]), &delivered).unwrap_err().contains("bundle.limit: it has 1024 bytes"));
    // The header alone says 8 GiB: nothing is set aside for it.
    let mut huge = member("a.bin", b'0', 0o644, b"");
    huge[124..136].copy_from_slice(b"100000000000");
    let sum: u32 = huge[..148].iter().chain(&huge[156..512]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert!(read(&archive(&[huge])).unwrap_err().contains("bundle.limit"));
    let many: Vec<_> = (0..11_000).map(|number| file(&format!("{number}"), "")).collect();
    assert!(read(&gzip(&archive(&many))).unwrap_err().contains("more than 10000 entries"));
}

/// An extended header.
fn pax(kind: u8, records: &[&str]) -> Vec<u8> {
    let mut text = String::new();
    for record in records {
        let mut length = record.len() + 2;
        while length != record.len() + 2 + length.to_string().len() {
            length = record.len() + 2 + length.to_string().len();
        }
        text.push_str(&format!("{length} {record}\n"));
    }
    member("pax", kind, 0o644, text.as_bytes())
}

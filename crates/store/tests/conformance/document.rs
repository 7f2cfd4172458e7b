//! What the edges keep beside the operations.

use crate::bed::{Bed, key, operation};
use longrun_model::limits::{DOCUMENT_BYTES_MAX, DOCUMENT_NAME_BYTES_MAX};
use longrun_store::{Document, PutDocument, Refused, Write, Written};

fn put(bed: &Bed, name: &str, expected: Option<u64>, body: Option<&[u8]>) -> Result<u64, Refused> {
    let written = bed.write(Write::PutDocument(wish(name, expected, body)))?;
    let Written::Document(version) = written else {
        panic!("no document: {written:?}");
    };
    Ok(version.unwrap_or(0))
}

fn wish(name: &str, expected: Option<u64>, body: Option<&[u8]>) -> PutDocument {
    PutDocument {
        name: name.into(),
        expected,
        body: body.map(Into::into),
    }
}

fn found(bed: &Bed, name: &str) -> Option<(u64, Vec<u8>)> {
    let Document { version, body } = bed.document(name)?;
    Some((version, body.into()))
}

pub(crate) fn a_document_is_kept_as_it_was_given(bed: &mut Bed) {
    assert_eq!(found(bed, "a/b"), None);
    assert_eq!(put(bed, "a/b", None, Some(b"one")), Ok(1));
    assert_eq!(put(bed, "a/b\0c", None, Some(b"")), Ok(1));
    assert_eq!(put(bed, "名", None, Some(&[0, 255, 0])), Ok(1));
    bed.reopen();
    assert_eq!(found(bed, "a/b"), Some((1, b"one".into())));
    assert_eq!(found(bed, "a/b\0c"), Some((1, Vec::new())));
    assert_eq!(found(bed, "名"), Some((1, vec![0, 255, 0])));
    assert_eq!(found(bed, "a"), None);
}

/// Whoever has seen an older version changes nothing, in another commit or in the same.
pub(crate) fn a_document_that_has_changed_is_not_overwritten(bed: &mut Bed) {
    let changed = Err(Refused::DocumentChanged);
    assert_eq!(put(bed, "d", Some(1), Some(b"x")), changed, "there is none");
    assert_eq!(put(bed, "d", None, Some(b"one")), Ok(1));
    assert_eq!(put(bed, "d", None, Some(b"x")), changed, "there is one");
    assert_eq!(put(bed, "d", Some(1), Some(b"two")), Ok(2));
    assert_eq!(put(bed, "d", Some(1), Some(b"x")), changed);
    assert_eq!(put(bed, "d", Some(1), None), changed);
    let both = [b"left", b"rght"].map(|body| Write::PutDocument(wish("d", Some(2), Some(body))));
    let outcomes = bed.commit(both.into());
    assert!(matches!(outcomes[0], Ok(Written::Document(Some(3)))));
    assert!(matches!(outcomes[1], Err(Refused::DocumentChanged)));
    bed.reopen();
    assert_eq!(found(bed, "d"), Some((3, b"left".into())));
}

/// What is made anew under a name is never taken for what was there before.
pub(crate) fn a_removed_document_leaves_its_version(bed: &mut Bed) {
    assert_eq!(put(bed, "d", None, None), Ok(0), "nothing to remove");
    put(bed, "d", None, Some(b"one")).unwrap();
    assert_eq!(put(bed, "d", Some(1), None), Ok(0));
    assert_eq!(found(bed, "d"), None);
    bed.reopen();
    assert_eq!(
        put(bed, "d", Some(2), Some(b"x")),
        Err(Refused::DocumentChanged)
    );
    assert_eq!(put(bed, "d", None, Some(b"new")), Ok(3));
    assert_eq!(put(bed, "d", Some(1), None), Err(Refused::DocumentChanged));
    assert_eq!(found(bed, "d"), Some((3, b"new".into())));
}

pub(crate) fn documents_have_limits(bed: &mut Bed) {
    let full = vec![7; DOCUMENT_BYTES_MAX];
    let name = "n".repeat(DOCUMENT_NAME_BYTES_MAX);
    assert_eq!(put(bed, &name, None, Some(&full)), Ok(1));
    bed.reopen();
    assert_eq!(found(bed, &name), Some((1, full.clone())));
    let over = [full, vec![7]].concat();
    let longer = format!("{name}n");
    for (name, body) in [("d", &over[..]), (&longer, b"x"), ("", b"x")] {
        assert_eq!(
            put(bed, name, None, Some(body)),
            Err(Refused::DocumentTooLong)
        );
        assert_eq!(found(bed, name), None);
    }
}

/// A refused document keeps nothing else of its commit from happening.
pub(crate) fn documents_and_operations_change_together(bed: &mut Bed) {
    let outcomes = bed.commit(vec![
        Write::PutDocument(wish("d", None, Some(b"one"))),
        Write::Submit(operation(1)),
        Write::PutDocument(wish("e", Some(9), Some(b"x"))),
        Write::PutDocument(wish("d", Some(1), Some(b"two"))),
    ]);
    let done: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, false, true]);
    bed.reopen();
    assert_eq!(found(bed, "d"), Some((2, b"two".into())));
    assert_eq!(bed.get(key(1)).tally.total, 1);
}

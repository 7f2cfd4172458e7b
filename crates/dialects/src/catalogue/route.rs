//! Where an action is asked for, in a cloud that tells actions apart by method and path.

/// A method, and a path with places for parameters: `/v1.0/{project_id}/elbaas/listeners/{listener_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method, in capitals.
    pub method: Box<str>,
    /// The member of the body that tells it from the other actions at the same method and path.
    pub member: Option<Box<str>>,
    /// The path, taken apart once.
    segments: Box<[Segment]>,
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// This text.
    Text(Box<str>),
    /// Anything but nothing: the parameter with this name.
    Place(Box<str>),
}

impl Route {
    /// What is asked for with this method at this path.
    pub fn new(method: &str, path: &str, member: Option<Box<str>>) -> Self {
        Self {
            method: method.into(),
            member,
            segments: path.split('/').map(Segment::read).collect(),
        }
    }

    /// What stands in the places of the parameters, if a path with these segments is of this form.
    pub fn bind<'p>(&self, path: &[&'p str]) -> Option<Vec<(String, &'p str)>> {
        let pairs = || self.segments.iter().zip(path);
        let is_of_this_form = self.segments.len() == path.len()
            && pairs().all(|(segment, found)| segment.matches(found));
        is_of_this_form.then(|| {
            pairs()
                .filter_map(|(segment, found)| Some((segment.place()?.to_owned(), *found)))
                .collect()
        })
    }

    /// The names of the parameters in the path.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::place)
    }
}

impl Segment {
    fn read(text: &str) -> Self {
        let name = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        name.map_or_else(|| Self::Text(text.into()), |name| Self::Place(name.into()))
    }

    fn matches(&self, found: &str) -> bool {
        match self {
            Self::Text(text) => **text == *found,
            Self::Place(_) => !found.is_empty(),
        }
    }

    fn place(&self) -> Option<&str> {
        match self {
            Self::Text(_) => None,
            Self::Place(name) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_bound_as_a_whole() {
        let path = "/v1.0/{project_id}/elbaas/listeners/{listener_id}";
        let route = Route::new("PUT", path, None);
        assert!(route.places().eq(["project_id", "listener_id"]));
        for (path, expected) in [
            (
                "/v1.0/p/elbaas/listeners/l",
                Some(vec![
                    ("project_id".to_owned(), "p"),
                    ("listener_id".to_owned(), "l"),
                ]),
            ),
            ("/v1.0/p/elbaas/listeners/", None),
            ("/v1.0/p/elbaas/listeners", None),
            ("/v1.0/p/elbaas/listeners/l/members", None),
            ("/v1/p/elbaas/listeners/l", None),
            ("", None),
        ] {
            let segments: Vec<_> = path.split('/').collect();
            assert_eq!(route.bind(&segments), expected, "{path}");
        }
    }
}

//! Where an action is asked for, in a cloud that tells actions apart by method and path.

/// A method, and a path with places for parameters: `/v1.0/{project_id}/elbaas/listeners/{listener_id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method, in capitals.
    pub method: Box<str>,
    /// The path.
    pub path: Box<str>,
    /// The member of the body that tells it from the other actions at the same method and path.
    pub member: Option<Box<str>>,
}

impl Route {
    /// What stands in the places of the parameters, if `path` is of this form.
    pub fn bind<'p>(&self, path: &'p str) -> Option<Vec<(String, &'p str)>> {
        let pairs = || self.path.split('/').zip(path.split('/'));
        self.matches(path).then(|| {
            pairs()
                .filter_map(|(segment, found)| Some((place(segment)?.to_owned(), found)))
                .collect()
        })
    }

    /// Whether `path` is of this form. Read from its end, where the paths of a cloud differ from each other.
    fn matches(&self, path: &str) -> bool {
        let mut given = path.rsplit('/');
        let mut segments = self.path.rsplit('/');
        segments.all(|segment| match (place(segment), given.next()) {
            (Some(_), Some(found)) => !found.is_empty(),
            (None, found) => found == Some(segment),
            (Some(_), None) => false,
        }) && given.next().is_none()
    }

    /// The names of the parameters in the path.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(place)
    }
}

fn place(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_bound_as_a_whole() {
        let route = Route {
            method: "PUT".into(),
            path: "/v1.0/{project_id}/elbaas/listeners/{listener_id}".into(),
            member: None,
        };
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
            assert_eq!(route.bind(path), expected, "{path}");
        }
    }
}

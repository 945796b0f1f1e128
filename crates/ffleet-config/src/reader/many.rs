//! Keys that hold several values: lists, mappings, and mappings of sections.

use std::collections::BTreeMap;

use super::{Found, Reader};
use crate::block::Block;
use crate::problem::Place;
use crate::tree::{Key, Node, Value as Part};

/// A section of a mapping, with where it and its texts stand.
pub(crate) struct Section {
    pub(crate) place: Place,
    pub(crate) entries: BTreeMap<String, (Place, String)>,
}

impl<'a> Reader<'a> {
    /// A list of texts, each with its place; nothing where the key is not there. `a,b` in flags
    /// and variables.
    pub(crate) fn list(&mut self, key: &'static str) -> Option<Vec<(Place, String)>> {
        match self.find(key)? {
            Found::Text(place, text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| (place.clone(), item.to_owned()))
                    .collect(),
            ),
            Found::Node(place, Node { value: Part::List(items), .. }) => {
                let texts = items.iter().filter_map(|item| match &item.value {
                    Part::Scalar(text) => Some((self.place(item.at), text.clone())),
                    Part::Empty | Part::List(_) | Part::Map(_) => None,
                });
                let texts: Vec<_> = texts.collect();
                if texts.len() < items.len() {
                    let message = "holds something that is not a single value".to_owned();
                    self.problem(place, key, message, Some("write `[one, two]`".to_owned()));
                }
                Some(texts)
            }
            Found::Node(place, node) => {
                let message = format!("is {}, not a list", node.value.kind());
                self.problem(place, key, message, Some("write `[one, two]`".to_owned()));
                None
            }
        }
    }

    /// A mapping of texts to texts, each with its place. `a=1,b=2` in flags and variables.
    pub(crate) fn map(&mut self, key: &'static str) -> BTreeMap<String, (Place, String)> {
        let hint = || Some("write `{name: value}`, or `name=value` in a variable".to_owned());
        match self.find(key) {
            None => BTreeMap::new(),
            Some(Found::Text(place, text)) => {
                let mut map = BTreeMap::new();
                for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                    match item.split_once('=') {
                        Some((name, value)) => {
                            map.insert(name.to_owned(), (place.clone(), value.to_owned()));
                        }
                        None => {
                            let message = format!("{item:?} has no `=`");
                            self.problem(place.clone(), key, message, hint());
                        }
                    }
                }
                map
            }
            Some(Found::Node(_, Node { value: Part::Map(entries), .. })) => {
                let mut map = BTreeMap::new();
                for (name, node) in entries {
                    let place = self.place(node.at);
                    if let Part::Scalar(text) = &node.value {
                        map.insert(name.name.clone(), (place, text.clone()));
                    } else {
                        let message =
                            format!("{} is {}, not a single value", name.name, node.value.kind());
                        self.problem(self.place(name.at), key, message, hint());
                    }
                }
                map
            }
            Some(Found::Node(_, Node { value: Part::Empty, .. })) => BTreeMap::new(),
            Some(Found::Node(place, node)) => {
                let message = format!("is {}, not a mapping", node.value.kind());
                self.problem(place, key, message, hint());
                BTreeMap::new()
            }
        }
    }

    /// The entries of a section whose keys are names of the operator's; nothing where the key is
    /// not there. Only a file has those.
    pub(crate) fn entries(&mut self, key: &'static str) -> &'a [(Key, Node)] {
        let hint = || Some("write `name: {key: value}` in the configuration's file".to_owned());
        match self.find(key) {
            None | Some(Found::Node(_, Node { value: Part::Empty, .. })) => &[],
            Some(Found::Node(_, Node { value: Part::Map(entries), .. })) => entries,
            Some(Found::Text(place, _)) => {
                let message = "cannot be said in a flag or a variable".to_owned();
                self.problem(place, key, message, hint());
                &[]
            }
            Some(Found::Node(place, node)) => {
                let message = format!("is {}, not a section", node.value.kind());
                self.problem(place, key, message, hint());
                &[]
            }
        }
    }

    /// The sections of a list, each as `KEY[0]` and so on; nothing where the key is not there. Only a file has
    /// those. Something else in the list is a section that is broken.
    pub(crate) fn blocks(&mut self, key: &'static str) -> Vec<Block<'a>> {
        let hint = || Some("write `[{key: value}, …]` in the configuration's file".to_owned());
        let file = self.file();
        let block = |(number, node): (usize, &'a Node)| {
            let key = Key { at: node.at, name: format!("{key}[{number}]") };
            Block::new(file, "", &key, node)
        };
        match self.find(key) {
            None | Some(Found::Node(_, Node { value: Part::Empty, .. })) => Vec::new(),
            Some(Found::Node(_, Node { value: Part::List(items), .. })) => {
                items.iter().enumerate().map(block).collect()
            }
            Some(Found::Text(place, _)) => {
                let message = "cannot be said in a flag or a variable".to_owned();
                self.problem(place, key, message, hint());
                Vec::new()
            }
            Some(Found::Node(place, node)) => {
                let message = format!("is {}, not a list", node.value.kind());
                self.problem(place, key, message, hint());
                Vec::new()
            }
        }
    }

    /// A mapping of names to sections of texts. Only a file has those.
    pub(crate) fn sections(&mut self, key: &'static str) -> BTreeMap<String, Section> {
        let hint = || Some("write `name: {key: value}` in the configuration's file".to_owned());
        let mut sections = BTreeMap::new();
        for (name, node) in self.entries(key) {
            let mut section = Section { place: self.place(name.at), entries: BTreeMap::new() };
            let path = format!("{key}.{}", name.name);
            let inner = match &node.value {
                Part::Map(inner) => inner.as_slice(),
                Part::Empty => &[],
                Part::Scalar(_) | Part::List(_) => {
                    let message = format!("is {}, not a section", node.value.kind());
                    self.problem(section.place.clone(), &path, message, hint());
                    continue;
                }
            };
            for (word, node) in inner {
                let place = self.place(node.at);
                if let Part::Scalar(text) = &node.value {
                    section.entries.insert(word.name.clone(), (place, text.clone()));
                } else {
                    let message = format!("is {}, not a single value", node.value.kind());
                    self.problem(place, &format!("{path}.{}", word.name), message, hint());
                }
            }
            sections.insert(name.name.clone(), section);
        }
        sections
    }
}

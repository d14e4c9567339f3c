//! The crate's files as a graph: which file defines what, and which file uses which.
//!
//! Parses the files with syn, follows `mod` declarations from `lib.rs`, leaves out everything under
//! `#[cfg(test)]`, and resolves each path to the file that *defines* the item. Known gaps: a method
//! called on a value has no path, so an `impl` block of a parent's type in a child file counts as
//! the child's use of the parent and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, UseTree, Visibility};

/// The path of a module: its names below the crate.
pub type ModulePath = Vec<String>;

/// One module and its file.
#[derive(Default)]
pub struct Module {
    /// The file, below `src/`.
    pub file: String,
    /// The names of the items that it defines.
    defined: BTreeSet<String>,
    /// The names that `use` brings in, and the paths behind them.
    imports: Vec<Import>,
    /// Paths of two or more names in everything but `use`.
    paths: Vec<Vec<String>>,
    /// All identifiers in everything but `use`.
    words: BTreeSet<String>,
}

struct Import {
    name: String,
    path: Vec<String>,
    is_reexport: bool,
}

/// All modules of the crate outside tests.
pub struct CrateMap {
    modules: BTreeMap<ModulePath, Module>,
}

/// The item that one file uses from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub struct Use {
    /// The file that uses it.
    pub from: String,
    /// The file that defines it.
    pub to: String,
    /// Its name.
    pub name: String,
}

impl CrateMap {
    /// Reads the crate whose root is `src/lib.rs`.
    pub fn read(src: &Path) -> Self {
        let mut map = Self { modules: BTreeMap::new() };
        map.read_module(src, src.join("lib.rs"), Vec::new());
        map
    }

    /// A crate of texts, by the paths of its modules.
    pub fn from_texts(texts: &[(&[&str], &str)]) -> Self {
        let mut map = Self { modules: BTreeMap::new() };
        for (path, text) in texts {
            let path = path.iter().map(ToString::to_string).collect::<ModulePath>();
            map.add_file(&path.join("/"), text, path);
        }
        map
    }

    fn read_module(&mut self, src: &Path, file: PathBuf, path: ModulePath) {
        let text = fs::read_to_string(&file).expect("a module's file");
        let name = file.strip_prefix(src).expect("below src").to_string_lossy().into_owned();
        for child in self.add_file(&name, &text, path) {
            self.read_module(src, src.join(child.join("/")).with_extension("rs"), child);
        }
    }

    /// Adds the modules of one file; returns its children that lie in files of their own.
    fn add_file(&mut self, file: &str, text: &str, path: ModulePath) -> Vec<ModulePath> {
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut children = Vec::new();
        self.add_module(file, path, &parsed.items, &mut children);
        children
    }

    fn add_module(
        &mut self,
        file: &str,
        path: ModulePath,
        items: &[Item],
        children: &mut Vec<ModulePath>,
    ) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for item in items {
            let (attributes, name) = describe(item);
            if attributes.iter().any(is_test) {
                continue;
            }
            module.defined.extend(name);
            match item {
                Item::Use(item) => module.add_use(item),
                Item::Mod(item) => {
                    let child = [path.as_slice(), &[item.ident.to_string()]].concat();
                    match &item.content {
                        Some((_, items)) => self.add_module(file, child, items, children),
                        None => children.push(child),
                    }
                }
                item => module.add_tokens(item.to_token_stream()),
            }
        }
        self.modules.insert(path, module);
    }

    /// The file of a module.
    pub fn file(&self, module: &[String]) -> &str {
        &self.modules[module].file
    }

    /// Each use of an item that another file defines.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (from, module) in &self.modules {
            let imported = module
                .imports
                .iter()
                .filter(|import| !import.is_reexport || module.words.contains(&import.name))
                .map(|import| &import.path);
            for path in imported.chain(&module.paths) {
                if let Some((to, name)) = self.definition(from, path, 0)
                    && self.file(&to) != module.file
                {
                    let to = self.file(&to).to_owned();
                    uses.insert(Use { from: module.file.clone(), to, name });
                }
            }
        }
        uses
    }

    /// The module that defines what `path` names in `module`, and its name there. `None` for other
    /// crates, and for modules themselves: what is used of them has a path of its own.
    fn definition(
        &self,
        module: &[String],
        path: &[String],
        depth: usize,
    ) -> Option<(ModulePath, String)> {
        let (start, rest) = self.start(module, path, depth)?;
        self.walk(start, rest, depth)
    }

    /// The module where a path begins, and what is left of it.
    fn start<'a>(
        &self,
        module: &[String],
        path: &'a [String],
        depth: usize,
    ) -> Option<(ModulePath, &'a [String])> {
        match path.split_first()? {
            (first, rest) if first == "crate" => Some((Vec::new(), rest)),
            (first, rest) if first == "self" => Some((module.to_vec(), rest)),
            (first, _) if first == "super" => {
                let up = path.iter().take_while(|name| *name == "super").count();
                let base = module.len().checked_sub(up)?;
                Some((module[..base].to_vec(), &path[up..]))
            }
            (first, rest) => {
                let child = [module, std::slice::from_ref(first)].concat();
                if self.modules.contains_key(&child) {
                    return Some((child, rest));
                }
                let import = self.modules[module].import(first)?;
                if import.path.first() == Some(first) {
                    return None;
                }
                let target = [import.path.as_slice(), rest].concat();
                // An imported module: its own names follow. An imported item: it is counted where
                // it is imported.
                let as_module = self.module_named(module, &import.path, depth)?;
                (target.len() > import.path.len()).then_some((as_module, rest))
            }
        }
    }

    /// The module that a path names, if it names one.
    fn module_named(&self, module: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        assert!(depth < 16, "an import of {path:?} in {module:?} leads to itself");
        let (start, rest) = self.start(module, path, depth + 1)?;
        let full = [start.as_slice(), rest].concat();
        self.modules.contains_key(&full).then_some(full)
    }

    fn walk(
        &self,
        mut module: ModulePath,
        rest: &[String],
        depth: usize,
    ) -> Option<(ModulePath, String)> {
        let mut names = rest.iter();
        let name = loop {
            let name = names.next()?;
            let child = [module.as_slice(), std::slice::from_ref(name)].concat();
            if !self.modules.contains_key(&child) {
                break name;
            }
            module = child;
        };
        let found = self.modules.get(&module)?;
        if let Some(import) = found.import(name)
            && !found.defined.contains(name)
        {
            let after = names.as_slice();
            return self.definition(&module, &[&import.path, after].concat(), depth + 1);
        }
        // An item, or one that a macro makes there.
        Some((module, name.clone()))
    }

    /// The modules at the top of the crate that a module names.
    pub fn named_modules(&self, from: &[String]) -> BTreeSet<String> {
        let module = &self.modules[from];
        let imported = module.imports.iter().map(|import| &import.path);
        let mut named = BTreeSet::new();
        for path in imported.chain(&module.paths) {
            if let Some((start, rest)) = self.start(from, path, 0)
                && let Some(top) = start.first().or_else(|| rest.first())
            {
                named.insert(top.clone());
            }
        }
        named
    }

    /// All modules.
    pub fn modules(&self) -> impl Iterator<Item = &ModulePath> {
        self.modules.keys()
    }
}

impl Module {
    fn import(&self, name: &str) -> Option<&Import> {
        self.imports.iter().find(|import| import.name == name)
    }
}

impl Module {
    fn add_use(&mut self, item: &syn::ItemUse) {
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        let mut found = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut found);
        self.imports.extend(found.into_iter().map(|(name, path)| Import {
            name,
            path,
            is_reexport,
        }));
    }

    /// Collects paths and identifiers, also those in macros' arguments, without what is for tests.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                _ if begins_test(&tokens[at..]) => end_of_item(&tokens, at + 2),
                TokenTree::Ident(word) if word == "use" => self.add_inner_use(&tokens, at),
                TokenTree::Ident(_) => self.add_path(&tokens, at),
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// A `use` within a function. Elsewhere the word stands for captured lifetimes (`+ use<'_>`).
    fn add_inner_use(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let end = end_of_item(tokens, at);
        let statement = tokens[at..end].iter().cloned().collect();
        match syn::parse2(statement) {
            Ok(item) => {
                self.add_use(&item);
                end
            }
            Err(_) => at + 1,
        }
    }

    fn add_path(&mut self, tokens: &[TokenTree], mut at: usize) -> usize {
        let mut path = Vec::new();
        while let Some(TokenTree::Ident(word)) = tokens.get(at) {
            self.words.insert(word.to_string());
            path.push(word.to_string());
            at += 1;
            let (Some(first), Some(second)) = (tokens.get(at), tokens.get(at + 1)) else { break };
            if !is_punct(first, ':') || !is_punct(second, ':') {
                break;
            }
            at += 2;
        }
        if path.len() > 1 {
            self.paths.push(path);
        }
        at
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

/// True at `#[cfg(test)]`.
fn begins_test(tokens: &[TokenTree]) -> bool {
    let [first, TokenTree::Group(group), ..] = tokens else { return false };
    is_punct(first, '#') && group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// The place behind the next semicolon or pair of braces.
fn end_of_item(tokens: &[TokenTree], from: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == proc_macro2::Delimiter::Brace,
        token => is_punct(token, ';'),
    };
    let is_use = matches!(&tokens[from], TokenTree::Ident(word) if word == "use");
    let length = tokens[from..]
        .iter()
        .position(|token| if is_use { is_punct(token, ';') } else { is_end(token) });
    length.map_or(tokens.len(), |length| from + length + 1)
}

fn is_test(attribute: &Attribute) -> bool {
    attribute.to_token_stream().to_string().replace(' ', "") == "#[cfg(test)]"
}

/// The paths that a `use` brings in, each with the name that it has afterwards.
fn flatten(tree: &UseTree, before: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, found);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned().unwrap_or_default(), before.clone()));
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            found.push((name.clone(), [before.as_slice(), &[name]].concat()));
        }
        UseTree::Rename(rename) => {
            let path = [before.as_slice(), &[rename.ident.to_string()]].concat();
            found.push((rename.rename.to_string(), path));
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, before, found));
        }
        UseTree::Glob(_) => {
            let own = ["crate", "self", "super"].contains(&before[0].as_str());
            assert!(!own, "use {}::*: name what is used", before.join("::"));
        }
    }
}

/// The attributes of an item, and the name that it defines.
fn describe(item: &Item) -> (&[Attribute], Option<String>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Enum(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Fn(item) => (&item.attrs, Some(item.sig.ident.to_string())),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref().map(ToString::to_string)),
        Item::Mod(item) => (&item.attrs, None),
        Item::Static(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Struct(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Trait(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Type(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Union(item) => (&item.attrs, Some(item.ident.to_string())),
        Item::Use(item) => (&item.attrs, None),
        Item::Impl(item) => (&item.attrs, None),
        Item::ExternCrate(item) => (&item.attrs, None),
        Item::ForeignMod(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

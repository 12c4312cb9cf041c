//! A radix tree over bytes: values by prefix, found by every topic that starts with it.

use slab::Slab;

/// The value of a node. A vacant value counts as none, and its node is removed when possible.
pub(super) trait Value: Default {
    fn is_vacant(&self) -> bool;
}

/// The number of a node; it stays the same as long as its value is not vacant.
pub(super) type NodeId = u32;

/// Finding the values for a topic takes as many steps as there are branches on the topic's path,
/// however many prefixes there are. Nothing here recurses: prefixes come from the network, and a
/// long one must not exhaust the stack.
pub(super) struct Tree<V> {
    nodes: Slab<Node<V>>,
    root: NodeId,
    /// The highest number of nodes since memory was last released.
    peak: usize,
}

struct Node<V> {
    /// The bytes between the parent and this node: the first, which the root lacks, and the others.
    /// In a dense tree there are no others, so that nothing is allocated or read.
    first: u8,
    others: Box<[u8]>,
    /// The root is its own parent.
    parent: NodeId,
    children: Children,
    value: V,
}

/// The children of a node by their first bytes.
#[derive(Default)]
struct Children {
    /// In order of the bytes.
    list: Vec<(u8, NodeId)>,
    /// The same for many children, among which a search would take several steps: indexed by byte,
    /// [`NO_NODE`] where there is none.
    table: Option<Box<[NodeId; 256]>>,
}

/// The number of children from which there is a table. It is dropped when half of them are gone.
const CROWD: usize = 16;

/// The root is no node's child.
const NO_NODE: NodeId = 0;

impl<V: Value> Default for Tree<V> {
    fn default() -> Self {
        let mut tree = Tree {
            nodes: Slab::new(),
            root: 0,
            peak: 0,
        };
        tree.root = tree.add(0, &[], 0);
        tree
    }
}

impl<V: Value> Tree<V> {
    /// The node of exactly this prefix, if there is one.
    pub(super) fn find(&self, prefix: &[u8]) -> Option<NodeId> {
        let mut at = self.root;
        let mut rest = prefix;
        while let Some(&first) = rest.first() {
            at = self.node(at).child(first)?;
            rest = after(&self.node(at).others, &rest[1..])?;
        }
        Some(at)
    }

    /// The node of exactly this prefix, created if needed. The caller gives it a value, or calls
    /// [`prune`](Tree::prune).
    pub(super) fn entry(&mut self, prefix: &[u8]) -> NodeId {
        let mut at = self.root;
        let mut rest = prefix;
        while let Some((&first, behind)) = rest.split_first() {
            let Some(child) = self.node(at).child(first) else {
                return self.add_child(at, first, behind);
            };
            let others = &self.node(child).others;
            let common = others
                .iter()
                .zip(behind)
                .take_while(|(a, b)| a == b)
                .count();
            at = if common == others.len() {
                child
            } else {
                self.split(child, common)
            };
            rest = &behind[common..];
        }
        at
    }

    /// The value of a node returned by [`find`](Tree::find) or [`entry`](Tree::entry).
    pub(super) fn value(&mut self, id: NodeId) -> &mut V {
        &mut self.node_mut(id).value
    }

    /// Removes a node that has become vacant, unless its branches need it.
    pub(super) fn prune(&mut self, id: NodeId) {
        let node = self.node(id);
        if !node.value.is_vacant() || id == self.root {
            return;
        }
        let parent = node.parent;
        match node.children.list[..] {
            [] => {
                self.remove_leaf(id);
                let above = self.node(parent);
                if let ([(_, only)], true) = (&above.children.list[..], above.value.is_vacant()) {
                    let only = *only;
                    if parent != self.root {
                        self.merge(parent, only);
                    }
                }
            }
            [(_, only)] => self.merge(id, only),
            _ => {}
        }
        self.give_back();
    }

    /// Visits the values of all prefixes of `topic`, shortest first, until `visit` returns `false`.
    #[inline]
    pub(super) fn walk(&self, topic: &[u8], mut visit: impl FnMut(&V) -> bool) {
        let mut node = self.node(self.root);
        let mut rest = topic;
        while visit(&node.value) {
            let Some((&first, behind)) = rest.split_first() else {
                return;
            };
            let Some(child) = node.child(first) else {
                return;
            };
            node = self.node(child);
            let Some(behind) = after(&node.others, behind) else {
                return;
            };
            rest = behind;
        }
    }

    /// Visits all prefixes with a value, in no particular order.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&[u8], &V)) {
        let mut prefix = Vec::new();
        for (id, node) in &self.nodes {
            if !node.value.is_vacant() {
                self.prefix(id as NodeId, &mut prefix);
                visit(&prefix, &node.value);
            }
        }
    }

    /// Writes the prefix of a node into `prefix`.
    pub(super) fn prefix(&self, id: NodeId, prefix: &mut Vec<u8>) {
        prefix.clear();
        let mut at = id;
        while at != self.root {
            let node = self.node(at);
            prefix.extend(node.others.iter().rev());
            prefix.push(node.first);
            at = node.parent;
        }
        prefix.reverse();
    }

    /// The number of nodes, including the root.
    #[cfg(any(test, zmq_channels_fuzz))]
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[id as usize]
    }

    fn add(&mut self, first: u8, others: &[u8], parent: NodeId) -> NodeId {
        let node = Node {
            first,
            others: others.into(),
            parent,
            children: Children::default(),
            value: V::default(),
        };
        // The limits on the prefixes of a peer keep this far below 2³².
        let id = self.nodes.insert(node) as NodeId;
        self.peak = self.peak.max(self.nodes.len());
        id
    }

    fn add_child(&mut self, parent: NodeId, first: u8, others: &[u8]) -> NodeId {
        let child = self.add(first, others, parent);
        self.node_mut(parent).children.insert(first, child);
        child
    }

    /// Inserts a new node above `lower`, which keeps its number. The new node gets the first byte
    /// and `at` of the others.
    fn split(&mut self, lower: NodeId, at: usize) -> NodeId {
        let node = self.node_mut(lower);
        let (parent, above) = (node.parent, node.first);
        let others = std::mem::take(&mut node.others);
        let below = others[at];
        node.first = below;
        node.others = others[at + 1..].into();
        let upper = self.add(above, &others[..at], parent);
        self.node_mut(lower).parent = upper;
        self.node_mut(upper).children.insert(below, lower);
        self.node_mut(parent).children.replace(above, upper);
        upper
    }

    /// Removes the node above `lower`, its only child, and joins their bytes.
    fn merge(&mut self, upper: NodeId, lower: NodeId) {
        let above = self.nodes.remove(upper as usize);
        let node = self.node_mut(lower);
        node.others = [&above.others[..], &[node.first], &node.others[..]]
            .concat()
            .into();
        node.first = above.first;
        node.parent = above.parent;
        let children = &mut self.node_mut(above.parent).children;
        children.replace(above.first, lower);
    }

    /// Releases memory when three quarters of the nodes are gone, or all. The cost is amortized
    /// over the removals since the last time, in whatever order they come.
    fn give_back(&mut self) {
        let few = self.nodes.len() == 1 || self.nodes.len() < self.peak / 4;
        if few && self.peak.max(self.nodes.capacity()) > AT_REST {
            self.nodes.shrink_to_fit();
            self.peak = self.nodes.len();
        }
    }

    fn remove_leaf(&mut self, id: NodeId) {
        let Node { first, parent, .. } = self.nodes.remove(id as usize);
        self.node_mut(parent).children.remove(first);
    }
}

/// Number of nodes whose memory is kept, as it is not worth releasing.
const AT_REST: usize = 64;

/// Releases memory of a list when three quarters of it are unused.
pub(super) fn shrink<T>(list: &mut Vec<T>) {
    if list.len() < list.capacity() / 4 {
        list.shrink_to(list.len() * 2);
    }
}

impl<V> Node<V> {
    #[inline]
    fn child(&self, first: u8) -> Option<NodeId> {
        self.children.get(first)
    }
}

impl Children {
    #[inline]
    fn get(&self, first: u8) -> Option<NodeId> {
        match &self.table {
            Some(table) => Some(table[usize::from(first)]).filter(|&child| child != NO_NODE),
            None => {
                let place = self.place(first);
                let found = self.list.get(place).filter(|entry| entry.0 == first);
                found.map(|entry| entry.1)
            }
        }
    }

    fn place(&self, first: u8) -> usize {
        self.list.partition_point(|&(byte, _)| byte < first)
    }

    fn insert(&mut self, first: u8, child: NodeId) {
        self.list.insert(self.place(first), (first, child));
        if self.list.len() == CROWD {
            let mut table = Box::new([NO_NODE; 256]);
            for &(byte, child) in &self.list {
                table[usize::from(byte)] = child;
            }
            self.table = Some(table);
        }
        self.tabulate(first, child);
    }

    fn replace(&mut self, first: u8, child: NodeId) {
        let place = self.place(first);
        if let Some(entry) = self.list.get_mut(place).filter(|entry| entry.0 == first) {
            entry.1 = child;
            self.tabulate(first, child);
        }
    }

    fn remove(&mut self, first: u8) {
        self.list.retain(|&(byte, _)| byte != first);
        shrink(&mut self.list);
        self.tabulate(first, NO_NODE);
        if self.list.len() < CROWD / 2 {
            self.table = None;
        }
    }

    fn tabulate(&mut self, first: u8, child: NodeId) {
        if let Some(table) = &mut self.table {
            table[usize::from(first)] = child;
        }
    }
}

/// The rest of `topic` after `others`, if it starts with them: they are few, mostly none.
#[inline]
fn after<'a>(others: &[u8], topic: &'a [u8]) -> Option<&'a [u8]> {
    /// Longer runs are compared faster as slices.
    const FEW: usize = 8;
    if others.len() > FEW {
        return topic.strip_prefix(others);
    }
    let (front, rest) = topic.split_at_checked(others.len())?;
    let same = front.iter().zip(others).all(|(a, b)| a == b);
    same.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Flag(bool);

    impl Value for Flag {
        fn is_vacant(&self) -> bool {
            !self.0
        }
    }

    fn set(tree: &mut Tree<Flag>, prefix: &[u8]) {
        let node = tree.entry(prefix);
        tree.value(node).0 = true;
    }

    fn clear(tree: &mut Tree<Flag>, prefix: &[u8]) {
        let node = tree.find(prefix).unwrap();
        tree.value(node).0 = false;
        tree.prune(node);
    }

    fn prefixes(tree: &Tree<Flag>) -> Vec<Vec<u8>> {
        let mut prefixes = Vec::new();
        tree.for_each(|prefix, _| prefixes.push(prefix.to_vec()));
        prefixes.sort();
        prefixes
    }

    fn matches(tree: &Tree<Flag>, topic: &[u8]) -> usize {
        let mut matches = 0;
        tree.walk(topic, |flag| {
            matches += usize::from(flag.0);
            true
        });
        matches
    }

    #[test]
    fn branches_are_added_and_removed_with_their_children() {
        let mut tree = Tree::default();
        assert_eq!(tree.nodes(), 1);
        for (prefix, nodes) in [
            ("stock.a", 2),
            ("stock.b", 4),
            ("stock", 5),
            ("stock.bc", 6),
        ] {
            set(&mut tree, prefix.as_bytes());
            assert_eq!(tree.nodes(), nodes, "{prefix}");
        }
        let stable = tree.find(b"stock.bc").unwrap();
        for (prefix, nodes) in [("stock", 5), ("stock.b", 4), ("stock.a", 2)] {
            clear(&mut tree, prefix.as_bytes());
            assert_eq!(tree.nodes(), nodes, "{prefix}");
        }
        assert_eq!(tree.find(b"stock.bc"), Some(stable));
        assert_eq!(prefixes(&tree), [b"stock.bc"]);
        clear(&mut tree, b"stock.bc");
        assert_eq!(tree.nodes(), 1);
    }

    #[test]
    fn the_values_set_are_found_and_no_others() {
        let mut tree = Tree::default();
        set(&mut tree, b"abcd");
        set(&mut tree, b"");
        for absent in ["a", "abc", "abcde", "b", "abdd"] {
            assert_eq!(tree.find(absent.as_bytes()), None, "{absent}");
        }
        assert_eq!(matches(&tree, b"abcde"), 2);
        assert_eq!(matches(&tree, b"abc"), 1);
        assert_eq!(matches(&tree, b""), 1);
        clear(&mut tree, b"");
        assert_eq!(matches(&tree, b""), 0);
        assert_eq!(tree.nodes(), 2, "the root stays");
    }

    #[test]
    fn long_and_deeply_nested_prefixes_do_not_recurse() {
        const NESTED: usize = 500;
        // A stack frame per byte would overflow the stack.
        let long = vec![b'x'; 1 << 20];
        let mut tree = Tree::default();
        for len in 0..NESTED {
            set(&mut tree, &long[..len]);
        }
        set(&mut tree, &long);
        assert_eq!(matches(&tree, &long), NESTED + 1);
        assert_eq!(prefixes(&tree).len(), NESTED + 1);
        for len in (0..NESTED).rev() {
            clear(&mut tree, &long[..len]);
        }
        assert_eq!(tree.nodes(), 2);
        assert_eq!(matches(&tree, &long[1..]), 0);
        assert_eq!(matches(&tree, &long), 1);
    }

    #[test]
    fn memory_is_released_after_removals() {
        let mut tree = Tree::default();
        for backwards in [false, true] {
            for number in 0..20_000u32 {
                set(&mut tree, &number.to_be_bytes());
            }
            assert!(tree.nodes.capacity() >= 20_000);
            for number in 0..20_000u32 {
                let number = if backwards { 19_999 - number } else { number };
                clear(&mut tree, &number.to_be_bytes());
            }
            assert_eq!(tree.nodes(), 1);
            assert!(
                tree.nodes.capacity() <= 20_000 / 4,
                "{}",
                tree.nodes.capacity()
            );
            let root = &tree.nodes[tree.root as usize];
            assert_eq!(root.children.list.capacity(), 0);
            assert!(root.children.table.is_none());
        }
    }

    #[test]
    fn nodes_with_many_children_are_found_while_children_change() {
        let mut tree = Tree::default();
        let byte = |index: usize| 255 - 7 * index as u8;
        for count in 1..=2 * CROWD {
            let last = byte(count - 1);
            set(&mut tree, &[last, b'x', last]);
            for any in 0..=255 {
                let expected = usize::from((0..count).any(|there| byte(there) == any));
                assert_eq!(matches(&tree, &[any, b'x', any]), expected);
                assert_eq!(matches(&tree, &[any, b'x']), 0);
            }
        }
        // A node above and below, which takes the place of one in the table.
        set(&mut tree, &[255]);
        assert_eq!(matches(&tree, &[255, b'x', 255]), 2);
        clear(&mut tree, &[255]);
        for count in (1..=2 * CROWD).rev() {
            let last = byte(count - 1);
            assert_eq!(matches(&tree, &[last, b'x', last]), 1);
            clear(&mut tree, &[last, b'x', last]);
            assert_eq!(matches(&tree, &[last, b'x', last]), 0);
            assert_eq!(prefixes(&tree).len(), count - 1);
        }
    }
}

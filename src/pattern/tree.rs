//! A radix tree over octets: values by prefix, found by all topics that start with it.

use slab::Slab;

/// What a node may hold. A vacant value counts as none, and its node goes when it can.
pub(super) trait Value: Default {
    fn is_vacant(&self) -> bool;
}

/// The number of a node; it stays the same as long as its value is not vacant.
pub(super) type NodeId = u32;

/// Finding what belongs to a topic takes as many steps as the topic has branches on its way,
/// however many prefixes there are. Nothing here recurses: prefixes come from the net, and a
/// long one must not be able to exhaust the stack.
pub(super) struct Tree<V> {
    nodes: Slab<Node<V>>,
    root: NodeId,
}

struct Node<V> {
    /// The octets between the parent and this node; empty for the root only.
    fragment: Box<[u8]>,
    /// The root is its own parent.
    parent: NodeId,
    /// By first octet of their fragments, in order.
    children: Vec<(u8, NodeId)>,
    value: V,
}

impl<V: Value> Default for Tree<V> {
    fn default() -> Self {
        let mut tree = Tree {
            nodes: Slab::new(),
            root: 0,
        };
        tree.root = tree.add(&[], 0);
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
            rest = rest.strip_prefix(&*self.node(at).fragment)?;
        }
        Some(at)
    }

    /// The node of exactly this prefix, new if need be. Whoever calls this gives it a value, or
    /// calls [`prune`](Tree::prune).
    pub(super) fn entry(&mut self, prefix: &[u8]) -> NodeId {
        let mut at = self.root;
        let mut rest = prefix;
        while let Some(&first) = rest.first() {
            let Some(child) = self.node(at).child(first) else {
                return self.add_child(at, rest);
            };
            let fragment = &self.node(child).fragment;
            let common = fragment
                .iter()
                .zip(rest)
                .take_while(|(a, b)| a == b)
                .count();
            at = if common == fragment.len() {
                child
            } else {
                self.split(child, common)
            };
            rest = &rest[common..];
        }
        at
    }

    /// The value of a node named by [`find`](Tree::find) or [`entry`](Tree::entry).
    pub(super) fn value(&mut self, id: NodeId) -> &mut V {
        &mut self.node_mut(id).value
    }

    /// Drops a node that has become vacant, unless its branches need it.
    pub(super) fn prune(&mut self, id: NodeId) {
        let node = self.node(id);
        if !node.value.is_vacant() || id == self.root {
            return;
        }
        let parent = node.parent;
        match node.children[..] {
            [] => {
                self.remove_leaf(id);
                let above = self.node(parent);
                if let ([(_, only)], true) = (&above.children[..], above.value.is_vacant()) {
                    let only = *only;
                    if parent != self.root {
                        self.merge(parent, only);
                    }
                }
            }
            [(_, only)] => self.merge(id, only),
            _ => {}
        }
        // Gives memory back once most of it is empty; the doubling keeps that rare.
        if self.nodes.len() * 4 < self.nodes.capacity() && self.nodes.capacity() > AT_REST {
            self.nodes.shrink_to_fit();
        }
    }

    /// Visits the values of all prefixes of `topic`, shortest first, until told to stop with
    /// `false`.
    #[inline]
    pub(super) fn walk(&self, topic: &[u8], mut visit: impl FnMut(&V) -> bool) {
        let mut node = self.node(self.root);
        let mut rest = topic;
        while visit(&node.value) {
            let Some(child) = rest.first().and_then(|&first| node.child(first)) else {
                return;
            };
            node = self.node(child);
            let Some(behind) = rest.strip_prefix(&*node.fragment) else {
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

    /// Writes the prefix of a node over `prefix`.
    pub(super) fn prefix(&self, id: NodeId, prefix: &mut Vec<u8>) {
        prefix.clear();
        let mut at = id;
        while at != self.root {
            let node = self.node(at);
            prefix.extend(node.fragment.iter().rev());
            at = node.parent;
        }
        prefix.reverse();
    }

    /// The number of nodes, the root included.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[id as usize]
    }

    fn add(&mut self, fragment: &[u8], parent: NodeId) -> NodeId {
        let node = Node {
            fragment: fragment.into(),
            parent,
            children: Vec::new(),
            value: V::default(),
        };
        // Each node has heap of its own: 2³² of them do not fit into any memory.
        self.nodes.insert(node) as NodeId
    }

    fn add_child(&mut self, parent: NodeId, fragment: &[u8]) -> NodeId {
        let child = self.add(fragment, parent);
        let children = &mut self.node_mut(parent).children;
        let place = children.partition_point(|&(octet, _)| octet < fragment[0]);
        children.insert(place, (fragment[0], child));
        child
    }

    /// Puts a new node above `lower`, which keeps its number, after `at` octets of its fragment.
    fn split(&mut self, lower: NodeId, at: usize) -> NodeId {
        let node = self.node_mut(lower);
        let parent = node.parent;
        let fragment = std::mem::take(&mut node.fragment);
        let (above, below) = fragment.split_at(at);
        node.fragment = below.into();
        let upper = self.add(above, parent);
        self.node_mut(lower).parent = upper;
        self.node_mut(upper).children.push((below[0], lower));
        self.replace_child(parent, above[0], upper);
        upper
    }

    /// Takes the node above `lower`, its only child, out: the fragments become one.
    fn merge(&mut self, upper: NodeId, lower: NodeId) {
        let Node {
            fragment, parent, ..
        } = self.nodes.remove(upper as usize);
        let node = self.node_mut(lower);
        node.fragment = [&fragment[..], &node.fragment[..]].concat().into();
        node.parent = parent;
        self.replace_child(parent, fragment[0], lower);
    }

    fn remove_leaf(&mut self, id: NodeId) {
        let Node {
            fragment, parent, ..
        } = self.nodes.remove(id as usize);
        let children = &mut self.node_mut(parent).children;
        children.retain(|&(octet, _)| octet != fragment[0]);
        if children.len() * 4 < children.capacity() {
            children.shrink_to(children.len() * 2);
        }
    }

    fn replace_child(&mut self, parent: NodeId, first: u8, child: NodeId) {
        for entry in &mut self.node_mut(parent).children {
            if entry.0 == first {
                entry.1 = child;
            }
        }
    }
}

/// Nodes whose memory is kept: not worth giving back.
const AT_REST: usize = 64;

impl<V> Node<V> {
    #[inline]
    fn child(&self, first: u8) -> Option<NodeId> {
        let place = self.children.partition_point(|&(octet, _)| octet < first);
        match self.children.get(place) {
            Some(&(octet, child)) if octet == first => Some(child),
            _ => None,
        }
    }
}

//! The tree of hashes over the events' leaves, as RFC 9162 section 2.1 defines it: a leaf is hashed with a zero byte, a node with a one.

use sha2::{Digest, Sha256};

use crate::domain::audit::Hash;

/// A tree that grows at its end: of what it holds, only the roots of its full subtrees are kept, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<Hash>,
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1u8]).chain_update(left).chain_update(right).finalize().into()
}

impl Tree {
    /// One more leaf, hashed already.
    pub fn push(&mut self, leaf: Hash) {
        let (mut hash, mut count) = (leaf, self.size);
        while count & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node(&left, &hash);
            count >>= 1;
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hash over all of them.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| node(left, &right))
    }

    /// The subtrees' roots one after the other, to go on from later.
    pub fn peaks(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// What [`Tree::peaks`] gave for this size; `None` where it cannot be of this size.
    pub fn of(size: u64, peaks: &[u8]) -> Option<Self> {
        let (hashes, rest) = peaks.as_chunks::<32>();
        (rest.is_empty() && hashes.len() == size.count_ones() as usize).then(|| Self { size, peaks: hashes.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition itself: split at the largest power of two below the size.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => Sha256::digest([]).into(),
            1 => leaves[0],
            n => {
                let (left, right) = leaves.split_at(n.next_power_of_two() / 2);
                node(&defined(left), &defined(right))
            }
        }
    }

    #[test]
    fn it_grows_as_it_is_defined_and_goes_on_from_its_peaks() {
        let leaves: Vec<Hash> = (0..70u8).map(|n| Sha256::digest([n]).into()).collect();
        let mut tree = Tree::default();
        for (at, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), defined(&leaves[..at]), "{at}");
            tree = Tree::of(tree.size(), &tree.peaks()).unwrap();
            tree.push(*leaf);
        }
        assert_eq!(Tree::of(3, &[0; 32]), None);
        assert_eq!(Tree::of(1, &[0; 33]), None);
    }
}

//! All states of a model and the steps between them, to check what stays possible.
//!
//! That something good *can always still* happen is not a property of a single state or path, so
//! stateright does not check it. Here all states are collected first, and then the good ones are
//! followed backwards.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
};

use stateright::Model;

/// A set of up to 32 marks of a state or a step.
pub type Marks = u32;

/// All states of a model, by number, with the marks of each; and the marked steps between them.
pub struct Graph<'a, M> {
    model: &'a M,
    states: Vec<Node>,
    steps: Vec<Edge>,
}

struct Node {
    hash: u64,
    /// The state from which it was first reached.
    from: Option<u32>,
    marks: Marks,
}

struct Edge {
    from: u32,
    to: u32,
    marks: Marks,
}

impl<'a, M> Graph<'a, M>
where
    M: Model,
    M::State: Hash + PartialEq + Clone,
    M::Action: Debug,
{
    /// Visits all states, the nearest first. A step without a mark is followed but not kept.
    ///
    /// # Panics
    /// If there are more than four billion states.
    pub fn new(
        model: &'a M,
        mark_state: impl Fn(&M::State) -> Marks,
        mark_step: impl Fn(&M::State, &M::Action) -> Marks,
    ) -> Self {
        let mut graph = Self { model, states: Vec::new(), steps: Vec::new() };
        let mut numbers = HashMap::new();
        let mut waiting = VecDeque::new();
        let mut visit = |graph: &mut Self, state: &M::State, from| {
            let number = u32::try_from(graph.states.len()).expect("fewer states");
            let hash = hash_of(state);
            match numbers.entry(hash) {
                Entry::Occupied(known) => (*known.get(), false),
                Entry::Vacant(free) => {
                    graph.states.push(Node { hash, from, marks: mark_state(state) });
                    (*free.insert(number), true)
                }
            }
        };
        for state in model.init_states() {
            let (number, _) = visit(&mut graph, &state, None);
            waiting.push_back((number, state));
        }
        while let Some((from, state)) = waiting.pop_front() {
            for (step, next) in model.next_steps(&state) {
                let (to, is_new) = visit(&mut graph, &next, Some(from));
                let marks = mark_step(&state, &step);
                if marks != 0 {
                    graph.steps.push(Edge { from, to, marks });
                }
                if is_new {
                    waiting.push_back((to, next));
                }
            }
        }
        // Sorted, so that the steps into each state are together.
        graph.steps.sort_unstable_by_key(|edge| edge.to);
        graph
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there are no states.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// How many states have a mark.
    pub fn count(&self, mark: Marks) -> usize {
        self.states.iter().filter(|state| state.marks & mark != 0).count()
    }

    /// The steps to the nearest state with a mark.
    pub fn nearest(&self, mark: Marks) -> Option<Vec<String>> {
        let number = self.states.iter().position(|state| state.marks & mark != 0)?;
        Some(self.path(number))
    }

    /// The steps to the nearest state with the mark `from` from which no steps marked `by` lead to
    /// a state with the mark `to`.
    pub fn stuck(&self, from: Marks, to: Marks, by: Marks) -> Option<Vec<String>> {
        let can = self.leading_to(to, by);
        let is_stuck = |number: &usize| self.states[*number].marks & from != 0 && !can[*number];
        (0..self.states.len()).find(is_stuck).map(|number| self.path(number))
    }

    /// For each state, whether steps with the mark `by` lead from it to one with the mark `to`.
    fn leading_to(&self, to: Marks, by: Marks) -> Vec<bool> {
        let mut can: Vec<bool> = self.states.iter().map(|state| state.marks & to != 0).collect();
        let mut reached: Vec<usize> = (0..can.len()).filter(|number| can[*number]).collect();
        while let Some(number) = reached.pop() {
            for edge in self.steps_to(number).iter().filter(|edge| edge.marks & by != 0) {
                let from = edge.from as usize;
                if !can[from] {
                    can[from] = true;
                    reached.push(from);
                }
            }
        }
        can
    }

    fn steps_to(&self, number: usize) -> &[Edge] {
        let start = self.steps.partition_point(|edge| (edge.to as usize) < number);
        let count = self.steps[start..].partition_point(|edge| edge.to as usize == number);
        &self.steps[start..start + count]
    }

    /// A shortest path to a state. The model runs it again, because only hashes of the states were
    /// kept.
    fn path(&self, number: usize) -> Vec<String> {
        let mut numbers = vec![number];
        while let Some(from) = self.states[numbers[numbers.len() - 1]].from {
            numbers.push(from as usize);
        }
        let first = self.states[numbers.pop().expect("a start")].hash;
        let init = self.model.init_states().into_iter().find(|state| hash_of(state) == first);
        let mut state = init.expect("the start is known");
        let mut path = Vec::new();
        for number in numbers.into_iter().rev() {
            let hash = self.states[number].hash;
            let steps = self.model.next_steps(&state).into_iter();
            let (step, next) = steps.rev().find(|(_, next)| hash_of(next) == hash).expect("a known step");
            path.push(format!("{step:?}"));
            state = next;
        }
        path
    }
}

fn hash_of(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up by one or two to ten, and from there only by ten.
    struct Counting;

    impl Model for Counting {
        type State = u8;
        type Action = u8;

        fn init_states(&self) -> Vec<u8> {
            vec![0]
        }

        fn actions(&self, state: &u8, steps: &mut Vec<u8>) {
            steps.extend(if *state < 10 { [1, 2].as_slice() } else { &[10] });
        }

        fn next_state(&self, state: &u8, step: u8) -> Option<u8> {
            (*state < 40).then(|| state + step)
        }
    }

    const ODD: Marks = 1;
    const FORTY: Marks = 2;
    const SEVEN: Marks = 4;
    const BY_ONE: Marks = 1;
    const BY_TWO: Marks = 2;
    const BY_TEN: Marks = 4;

    fn graph() -> Graph<'static, Counting> {
        let mark_state = |state: &u8| match state {
            7 => ODD | SEVEN,
            40 => FORTY,
            _ => Marks::from(state % 2),
        };
        let mark_step = |_: &u8, step: &u8| match step {
            1 => BY_ONE,
            2 => BY_TWO,
            _ => BY_TEN,
        };
        Graph::new(&Counting, mark_state, mark_step)
    }

    #[test]
    fn every_state_is_visited_once() {
        // 0 to 11, and from ten and eleven on each their own four and three.
        assert_eq!(graph().len(), 12 + 3 + 3);
        assert_eq!(graph().count(FORTY), 1);
    }

    #[test]
    fn the_way_to_a_state_is_a_shortest() {
        assert_eq!(graph().nearest(SEVEN).expect("a way").len(), 4);
        assert_eq!(graph().nearest(8), None);
    }

    #[test]
    fn a_state_without_a_way_out_is_stuck() {
        let all = BY_ONE | BY_TWO | BY_TEN;
        let stuck = graph().stuck(ODD, FORTY, all).expect("eleven leads past forty");
        assert_eq!(stuck.len(), 6);
        assert_eq!(graph().stuck(SEVEN, FORTY, all), None);
        assert_eq!(graph().stuck(SEVEN, FORTY, BY_ONE | BY_TEN), None);
        assert_eq!(graph().stuck(SEVEN, FORTY, BY_TWO | BY_TEN).expect("seven stays odd").len(), 4);
    }
}

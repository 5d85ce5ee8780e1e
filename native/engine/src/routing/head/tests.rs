use super::*;

/// Requests of three kinds, with embeddings that hint at the kind.
const EXAMPLES: [(&str, &str); 9] = [
    ("switch on the lamp", "light"),
    ("turn the lights off", "light"),
    ("make it brighter in here", "light"),
    ("play some jazz", "music"),
    ("louder music please", "music"),
    ("skip this song", "music"),
    ("will it rain tomorrow", "weather"),
    ("how warm is it outside", "weather"),
    ("weather in paris", "weather"),
];

fn embedding_of(label: &str) -> [f32; 4] {
    match label {
        "light" => [0.9, 0.1, 0.0, 0.42],
        "music" => [0.0, 0.9, 0.1, 0.42],
        _ => [0.1, 0.0, 0.9, 0.42],
    }
}

fn lexical() -> Head {
    let (texts, labels): (Vec<_>, Vec<_>) = EXAMPLES.into_iter().unzip();
    Head::train(&Examples { texts: &texts, labels: &labels, embeddings: None }).unwrap()
}

fn best(head: &Head, text: &str, embedding: &[f32]) -> String {
    let prediction = head.predict(text, embedding, 1).unwrap();
    head.labels()[prediction.ranked[0].0 as usize].clone()
}

#[test]
fn what_was_learned_is_told_of_other_words() {
    let head = lexical();
    assert_eq!(head.labels(), ["light", "music", "weather"]);
    assert_eq!(best(&head, "lamps on", &[]), "light");
    assert_eq!(best(&head, "a song of jazz musicians", &[]), "music");
    assert_eq!(best(&head, "is it raining", &[]), "weather");
}

#[test]
fn embeddings_decide_where_words_are_unknown() {
    let (texts, labels): (Vec<_>, Vec<_>) = EXAMPLES.into_iter().unzip();
    let embeddings: Vec<f32> = labels.iter().flat_map(|label| embedding_of(label)).collect();
    let examples = Examples { texts: &texts, labels: &labels, embeddings: Some(&embeddings) };
    let head = Head::train(&examples).unwrap();
    assert_eq!(head.dimensions(), 4);
    for label in ["light", "music", "weather"] {
        assert_eq!(best(&head, "xyzzy", &embedding_of(label)), label);
    }
    let error = head.predict("xyzzy", &[1.0], 1).unwrap_err();
    assert_eq!(error.message(), "the embedding has 1 numbers, the head was trained on 4");
}

#[test]
fn training_is_deterministic() {
    assert_eq!(lexical(), lexical());
}

#[test]
fn probabilities_are_ranked_and_add_up() {
    let prediction = lexical().predict("play jazz in the rain", &[], 3).unwrap();
    let sum: f32 = prediction.ranked.iter().map(|(_, probability)| probability).sum();
    assert!((sum - 1.0).abs() < 1e-4);
    assert!(prediction.ranked.is_sorted_by(|a, b| a.1 >= b.1));
}

#[test]
fn words_explain_a_label() {
    let head = lexical();
    // Pieces of a foreign word may speak a little for a label, too, but never as much as its own word.
    let strongest = |label| head.explain("jazz and lamps", label, 1)[0].0.clone();
    assert_eq!(strongest(1), "jazz");
    assert_ne!(strongest(0), "jazz");
}

#[test]
fn the_threshold_divides_what_fits_from_what_does_not() {
    let mut head = lexical();
    assert_eq!(head.threshold(), None);
    head.calibrate(&[3.0, 4.0, 5.0], &[0.0, 1.0, 3.5]);
    assert_eq!(head.threshold(), Some(2.0));
    assert_eq!(best_threshold(&[1.0], &[]), None);
}

#[test]
fn a_head_comes_back_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/rooms.head");
    let mut head = lexical();
    head.calibrate(&[2.0], &[1.0]);
    head.save(&path).unwrap();
    let loaded = Head::load(&path).unwrap();
    assert_eq!((loaded.labels(), loaded.threshold()), (head.labels(), Some(1.5)));
    let (a, b) = (head.predict("brighter lamp", &[], 1), loaded.predict("brighter lamp", &[], 1));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.ranked[0].0, b.ranked[0].0);
    assert!((a.evidence - b.evidence).abs() < 0.02);
    let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
}

#[test]
fn files_that_are_no_heads_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.head");
    let problem = || Head::load(&path).unwrap_err();
    assert_eq!(problem().code(), ErrorCode::InvalidArgument);
    std::fs::write(&path, "short").unwrap();
    assert!(problem().message().ends_with("it is too short"), "{}", problem());
    std::fs::write(&path, "this is something else entirely").unwrap();
    assert_eq!(problem().code(), ErrorCode::ModelInvalid);
    let mut bytes = b"NPBHEAD1".to_vec();
    bytes.extend(u64::MAX.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    assert!(problem().message().contains("claims to have"), "{}", problem());
    lexical().save(&path).unwrap();
    let mut whole = std::fs::read(&path).unwrap();
    whole.truncate(whole.len() - 2);
    std::fs::write(&path, &whole).unwrap();
    assert!(problem().message().contains("bytes of weights for 3 labels"), "{}", problem());
}

#[test]
fn there_must_be_something_to_choose_between() {
    let train = |texts: &[&str], labels: &[&str], embeddings| {
        Head::train(&Examples { texts, labels, embeddings }).unwrap_err().message().to_owned()
    };
    assert_eq!(
        train(&["a", "b"], &["x", "x"], None),
        "1 different labels: there is nothing to choose between"
    );
    assert_eq!(train(&["a"], &["x", "y"], None), "1 texts and 2 labels");
    let numbers = [0.0; 3];
    assert_eq!(train(&["a", "b"], &["x", "y"], Some(&numbers)), "3 numbers do not embed 2 texts");
}

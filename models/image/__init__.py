"""Models of single images: each is a learner, a file a method."""

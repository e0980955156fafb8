"""Sources of images whose factors are known, drawn batch by batch: each is a factor source."""

"""An Amazon SQS in this process, on a clock that a test moves."""

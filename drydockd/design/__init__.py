"""From a design reference to an effective, validated Site."""

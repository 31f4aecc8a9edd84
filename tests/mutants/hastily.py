"""A pytest plugin: any counterexample kills a mutant, nobody looks for the smallest."""

from hypothesis import Phase, settings

settings.register_profile(
    "hastily", phases=(Phase.explicit, Phase.generate), derandomize=True, deadline=None
)
settings.load_profile("hastily")

"""The embedded demo: a bilingual customer-service assistant, trained by every method on a laptop CPU."""

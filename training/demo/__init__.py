"""The embedded demo: a bilingual customer-service assistant, trained from random weights to DPO on a laptop CPU."""

"""`python -m training`."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["doctor"]:  # before anything is imported that may be missing
        from training.doctor.command import main as doctor

        sys.exit(doctor(sys.argv[2:]))
    from diagnostics.starting import start

    sys.exit(start("training.cli"))

"""A dashboard whose tunnel is a stand-in: `python -m tests.browser.admin_with_stand_in RUNS PORT FOLDER`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.dashboard.sharing.test_tunnel import stand_in


def main(runs: Path, port: int, folder: Path) -> None:
    """Serve until interrupted."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from dashboard.app import launch
    from dashboard.clinic import Clinic
    from dashboard.sharing.desk import Desk

    clinic = Clinic(runs)
    desk = Desk(runs, tunnel=stand_in(folder))
    try:
        launch(clinic, port=port, desk=desk)
    finally:
        desk.stop()
        clinic.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

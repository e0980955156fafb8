"""A window that shows frames to a person."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Window:
    """Shows RGB frames with pygame, which is imported at the first one.

    A copied or unpickled window is closed; it opens again when it shows a frame.
    """

    def __init__(self, title: str = "unknot") -> None:
        self.title = title
        self._screen: Any = None
        self._clock: Any = None

    def show(self, frame: NDArray[np.uint8], frames_per_second: float) -> None:
        """Show a frame (height, width, 3), after waiting until the last one has had its time.

        Raises:
            ImportError: pygame is missing.
        """
        try:
            import pygame
        except ImportError:
            raise ImportError('render_mode="human" needs pygame: pip install "unknot[play]"') from None
        if self._screen is None:
            pygame.display.init()
            pygame.display.set_caption(self.title)
            self._screen = pygame.display.set_mode(frame.shape[1::-1])
            self._clock = pygame.time.Clock()
        self._screen.blit(pygame.surfarray.make_surface(frame.swapaxes(0, 1)), (0, 0))
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(frames_per_second)

    def left(self) -> bool:
        """Return whether the person has closed the window or pressed Escape since the last call."""
        import pygame

        return any(
            event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)
            for event in pygame.event.get()
        )

    def close(self) -> None:
        """Close the window, if it is open."""
        if self._screen is not None:
            import pygame

            pygame.display.quit()
            self._screen = self._clock = None

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the open window."""
        return {"title": self.title, "_screen": None, "_clock": None}

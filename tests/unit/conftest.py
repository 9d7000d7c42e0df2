from factories import room, stock

__all__ = ["room", "stock"]

"""Latencies in logarithmic buckets of whole numbers: constant memory, better than one per cent exact.

Values below 2^SUB_BITS have a bucket each; above, every power of two is cut into 2^(SUB_BITS - 1)
equal buckets (the layout of HdrHistogram).
"""

SUB_BITS = 8
SUB_COUNT = 1 << SUB_BITS
HALF = SUB_COUNT >> 1
LARGEST = (1 << 40) - 1
"""Values above are counted as this one: 12 days in microseconds."""


def bucket_of(value: int) -> int:
    """The index of the bucket that holds a value."""
    if value < SUB_COUNT:
        return value
    shift = value.bit_length() - SUB_BITS
    return shift * HALF + (value >> shift)


def highest_of(bucket: int) -> int:
    """The largest value a bucket holds."""
    if bucket < SUB_COUNT:
        return bucket
    shift, part = divmod(bucket, HALF)
    return ((part + HALF + 1) << (shift - 1)) - 1


BUCKETS = bucket_of(LARGEST) + 1


class Histogram:
    """Counts of values; percentiles are the upper edge of their bucket, never above the largest value seen."""

    __slots__ = ("counts", "largest", "total")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.largest = 0
        self.total = 0

    def record(self, value: int) -> None:
        """One value, not negative."""
        if value > self.largest:
            self.largest = value
        self.total += 1
        self.counts[bucket_of(value if value < LARGEST else LARGEST)] += 1

    def add(self, other: "Histogram") -> None:
        """Take all values of another one in."""
        self.largest = max(self.largest, other.largest)
        self.total += other.total
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]

    def percentile(self, per_100_000: int) -> int:
        """The value that so many of 100,000 do not exceed: 50_000 is the median, 99_900 is p99.9. 0 when empty."""
        wanted = -(-self.total * per_100_000 // 100_000)
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return min(highest_of(bucket), self.largest)
        return self.largest

    def summary(self) -> dict[str, int]:
        """The percentiles people ask for, in the unit of the values."""
        named = {"p50": 50_000, "p90": 90_000, "p99": 99_000, "p99.9": 99_900}
        return {name: self.percentile(rank) for name, rank in named.items()} | {"max": self.largest}

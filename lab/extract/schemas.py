"""The dialects of a flow file: which columns, in which order, under which names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wire.features import COLUMNS

CIC_FIXED: Final = tuple(
    name
    for column in COLUMNS
    for name in {
        "Bwd URG Flags": ("Bwd URG Flags", "Fwd RST Flags", "Bwd RST Flags"),
        "Fwd Act Data Pkts": ("Fwd Act Data Pkts", "Bwd Act Data Pkts"),
        "Fwd Seg Size Min": ("Fwd Seg Size Min", "Bwd Seg Size Min"),
        "Label": (
            "ICMP Code", "ICMP Type", "Fwd TCP Retrans. Count", "Bwd TCP Retrans. Count",
            "Total TCP Retrans. Count", "Total Connection Flow Time", "Label",
        ),
    }.get(column, (column,))
)  # fmt: skip
"""The 94 columns of GintsEngelen's fork."""

NAMES_2017: Final = {
    "Src IP": "Source IP", "Src Port": "Source Port",
    "Dst IP": "Destination IP", "Dst Port": "Destination Port",
    "Total Fwd Packet": "Total Fwd Packets", "Total Bwd packets": "Total Backward Packets",
    "Total Length of Fwd Packet": "Total Length of Fwd Packets",
    "Total Length of Bwd Packet": "Total Length of Bwd Packets",
    "Packet Length Min": "Min Packet Length", "Packet Length Max": "Max Packet Length",
    "CWR Flag Count": "CWE Flag Count",
    "Fwd Segment Size Avg": "Avg Fwd Segment Size",
    "Bwd Segment Size Avg": "Avg Bwd Segment Size",
    "Fwd Bytes/Bulk Avg": "Fwd Avg Bytes/Bulk",
    "Fwd Packet/Bulk Avg": "Fwd Avg Packets/Bulk",
    "Fwd Bulk Rate Avg": "Fwd Avg Bulk Rate",
    "Bwd Bytes/Bulk Avg": "Bwd Avg Bytes/Bulk",
    "Bwd Packet/Bulk Avg": "Bwd Avg Packets/Bulk",
    "Bwd Bulk Rate Avg": "Bwd Avg Bulk Rate",
    "FWD Init Win Bytes": "Init_Win_bytes_forward",
    "Bwd Init Win Bytes": "Init_Win_bytes_backward",
    "Fwd Act Data Pkts": "act_data_pkt_fwd", "Fwd Seg Size Min": "min_seg_size_forward",
}  # fmt: skip

NAMES_2018: Final = {
    "Total Fwd Packet": "Tot Fwd Pkts", "Total Bwd packets": "Tot Bwd Pkts",
    "Total Length of Fwd Packet": "TotLen Fwd Pkts",
    "Total Length of Bwd Packet": "TotLen Bwd Pkts",
    "Fwd Packet Length Max": "Fwd Pkt Len Max", "Fwd Packet Length Min": "Fwd Pkt Len Min",
    "Fwd Packet Length Mean": "Fwd Pkt Len Mean",
    "Fwd Packet Length Std": "Fwd Pkt Len Std",
    "Bwd Packet Length Max": "Bwd Pkt Len Max", "Bwd Packet Length Min": "Bwd Pkt Len Min",
    "Bwd Packet Length Mean": "Bwd Pkt Len Mean",
    "Bwd Packet Length Std": "Bwd Pkt Len Std",
    "Flow Bytes/s": "Flow Byts/s", "Flow Packets/s": "Flow Pkts/s",
    "Fwd IAT Total": "Fwd IAT Tot", "Bwd IAT Total": "Bwd IAT Tot",
    "Fwd Header Length": "Fwd Header Len", "Bwd Header Length": "Bwd Header Len",
    "Fwd Packets/s": "Fwd Pkts/s", "Bwd Packets/s": "Bwd Pkts/s",
    "Packet Length Min": "Pkt Len Min", "Packet Length Max": "Pkt Len Max",
    "Packet Length Mean": "Pkt Len Mean", "Packet Length Std": "Pkt Len Std",
    "Packet Length Variance": "Pkt Len Var",
    "FIN Flag Count": "FIN Flag Cnt", "SYN Flag Count": "SYN Flag Cnt",
    "RST Flag Count": "RST Flag Cnt", "PSH Flag Count": "PSH Flag Cnt",
    "ACK Flag Count": "ACK Flag Cnt", "URG Flag Count": "URG Flag Cnt",
    "CWR Flag Count": "CWE Flag Count", "ECE Flag Count": "ECE Flag Cnt",
    "Average Packet Size": "Pkt Size Avg", "Fwd Segment Size Avg": "Fwd Seg Size Avg",
    "Bwd Segment Size Avg": "Bwd Seg Size Avg",
    "Fwd Bytes/Bulk Avg": "Fwd Byts/b Avg", "Fwd Packet/Bulk Avg": "Fwd Pkts/b Avg",
    "Fwd Bulk Rate Avg": "Fwd Blk Rate Avg", "Bwd Bytes/Bulk Avg": "Bwd Byts/b Avg",
    "Bwd Packet/Bulk Avg": "Bwd Pkts/b Avg", "Bwd Bulk Rate Avg": "Bwd Blk Rate Avg",
    "Subflow Fwd Packets": "Subflow Fwd Pkts", "Subflow Fwd Bytes": "Subflow Fwd Byts",
    "Subflow Bwd Packets": "Subflow Bwd Pkts", "Subflow Bwd Bytes": "Subflow Bwd Byts",
    "FWD Init Win Bytes": "Init Fwd Win Byts", "Bwd Init Win Bytes": "Init Bwd Win Byts",
}  # fmt: skip

PYTHON: Final = {
    "src_ip": "Src IP", "dst_ip": "Dst IP", "src_port": "Src Port", "dst_port": "Dst Port",
    "protocol": "Protocol", "timestamp": "Timestamp", "flow_duration": "Flow Duration",
    "flow_byts_s": "Flow Bytes/s", "flow_pkts_s": "Flow Packets/s",
    "fwd_pkts_s": "Fwd Packets/s", "bwd_pkts_s": "Bwd Packets/s",
    "tot_fwd_pkts": "Total Fwd Packet", "tot_bwd_pkts": "Total Bwd packets",
    "totlen_fwd_pkts": "Total Length of Fwd Packet",
    "totlen_bwd_pkts": "Total Length of Bwd Packet",
    "fwd_pkt_len_max": "Fwd Packet Length Max",
    "fwd_pkt_len_min": "Fwd Packet Length Min",
    "fwd_pkt_len_mean": "Fwd Packet Length Mean",
    "fwd_pkt_len_std": "Fwd Packet Length Std",
    "bwd_pkt_len_max": "Bwd Packet Length Max",
    "bwd_pkt_len_min": "Bwd Packet Length Min",
    "bwd_pkt_len_mean": "Bwd Packet Length Mean",
    "bwd_pkt_len_std": "Bwd Packet Length Std",
    "pkt_len_max": "Packet Length Max", "pkt_len_min": "Packet Length Min",
    "pkt_len_mean": "Packet Length Mean", "pkt_len_std": "Packet Length Std",
    "pkt_len_var": "Packet Length Variance", "fwd_header_len": "Fwd Header Length",
    "bwd_header_len": "Bwd Header Length", "fwd_seg_size_min": "Fwd Seg Size Min",
    "fwd_act_data_pkts": "Fwd Act Data Pkts", "flow_iat_mean": "Flow IAT Mean",
    "flow_iat_max": "Flow IAT Max", "flow_iat_min": "Flow IAT Min",
    "flow_iat_std": "Flow IAT Std", "fwd_iat_tot": "Fwd IAT Total",
    "fwd_iat_max": "Fwd IAT Max", "fwd_iat_min": "Fwd IAT Min",
    "fwd_iat_mean": "Fwd IAT Mean", "fwd_iat_std": "Fwd IAT Std",
    "bwd_iat_tot": "Bwd IAT Total", "bwd_iat_max": "Bwd IAT Max",
    "bwd_iat_min": "Bwd IAT Min", "bwd_iat_mean": "Bwd IAT Mean",
    "bwd_iat_std": "Bwd IAT Std", "fwd_psh_flags": "Fwd PSH Flags",
    "bwd_psh_flags": "Bwd PSH Flags", "fwd_urg_flags": "Fwd URG Flags",
    "bwd_urg_flags": "Bwd URG Flags", "fin_flag_cnt": "FIN Flag Count",
    "syn_flag_cnt": "SYN Flag Count", "rst_flag_cnt": "RST Flag Count",
    "psh_flag_cnt": "PSH Flag Count", "ack_flag_cnt": "ACK Flag Count",
    "urg_flag_cnt": "URG Flag Count", "ece_flag_cnt": "ECE Flag Count",
    "down_up_ratio": "Down/Up Ratio", "pkt_size_avg": "Average Packet Size",
    "init_fwd_win_byts": "FWD Init Win Bytes", "init_bwd_win_byts": "Bwd Init Win Bytes",
    "active_max": "Active Max", "active_min": "Active Min", "active_mean": "Active Mean",
    "active_std": "Active Std", "idle_max": "Idle Max", "idle_min": "Idle Min",
    "idle_mean": "Idle Mean", "idle_std": "Idle Std",
    "fwd_byts_b_avg": "Fwd Bytes/Bulk Avg", "fwd_pkts_b_avg": "Fwd Packet/Bulk Avg",
    "bwd_byts_b_avg": "Bwd Bytes/Bulk Avg", "bwd_pkts_b_avg": "Bwd Packet/Bulk Avg",
    "fwd_blk_rate_avg": "Fwd Bulk Rate Avg", "bwd_blk_rate_avg": "Bwd Bulk Rate Avg",
    "fwd_seg_size_avg": "Fwd Segment Size Avg", "bwd_seg_size_avg": "Bwd Segment Size Avg",
    "cwr_flag_count": "CWR Flag Count", "subflow_fwd_pkts": "Subflow Fwd Packets",
    "subflow_bwd_pkts": "Subflow Bwd Packets", "subflow_fwd_byts": "Subflow Fwd Bytes",
    "subflow_bwd_byts": "Subflow Bwd Bytes",
}  # fmt: skip
"""The 82 columns of the Python re-implementation, and what Weir puts there."""

SECONDS: Final = frozenset(
    name
    for name in PYTHON
    if "_iat_" in name or name.startswith(("active_", "idle_")) or name == "flow_duration"
)
"""Columns of the Python dialect that are seconds, not microseconds."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A dialect: (name in the file, column of wire.features or of the fork) in order."""

    mode: str  # of the engine: weir, cic or cic-fixed
    columns: tuple[tuple[str, str], ...]
    seconds: frozenset[str] = frozenset()
    timestamp: str = "TIME"  # a Kind
    defaults: tuple[float, float] = (120.0, 1800.0)  # idle and active timeout
    flows_limit: int = 98_304  # about 115 MB; the Java versions let nothing go


def _same(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


def _dialect_2017() -> tuple[tuple[str, str], ...]:
    named = [(NAMES_2017.get(name, name), name) for name in COLUMNS]
    at = [name for name, _ in named].index("Avg Bwd Segment Size") + 1
    named.insert(at, ("Fwd Header Length", "Fwd Header Length"))
    return tuple(
        (name if at == 0 else f" {name}", of) for at, (name, of) in enumerate(named)
    )


SCHEMAS: Final = {
    "weir": Schema("weir", _same(COLUMNS)),
    "cic": Schema(
        "cic",
        _same(COLUMNS),
        timestamp="TIME_12H",
        defaults=(0, 120.0),
        flows_limit=1 << 20,
    ),
    "cic-fixed": Schema(
        "cic-fixed",
        _same(CIC_FIXED),
        timestamp="TIME_ISO",
        defaults=(0, 120.0),
        flows_limit=1 << 20,
    ),
    "cic2017": Schema("weir", _dialect_2017(), timestamp="TIME_DAY"),
    "cic2018": Schema(
        "weir",
        tuple((NAMES_2018.get(name, name), name) for name in COLUMNS),
        timestamp="TIME_DAY",
    ),
    "cic-py": Schema("weir", tuple(PYTHON.items()), SECONDS),
}

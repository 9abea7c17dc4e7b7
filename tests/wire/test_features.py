"""Columns by name and order: each is filled, whatever the records."""

from __future__ import annotations

import numpy as np

from agent.capture.layout import RECORD
from wire.features import COLUMNS, NUMERIC, features, matrix

HEADER = (
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,"
    "Total Fwd Packet,Total Bwd packets,Total Length of Fwd Packet,"
    "Total Length of Bwd Packet,Fwd Packet Length Max,Fwd Packet Length Min,"
    "Fwd Packet Length Mean,Fwd Packet Length Std,Bwd Packet Length Max,"
    "Bwd Packet Length Min,Bwd Packet Length Mean,Bwd Packet Length Std,Flow Bytes/s,"
    "Flow Packets/s,Flow IAT Mean,Flow IAT Std,Flow IAT Max,Flow IAT Min,Fwd IAT Total,"
    "Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min,Bwd IAT Total,Bwd IAT Mean,"
    "Bwd IAT Std,Bwd IAT Max,Bwd IAT Min,Fwd PSH Flags,Bwd PSH Flags,Fwd URG Flags,"
    "Bwd URG Flags,Fwd Header Length,Bwd Header Length,Fwd Packets/s,Bwd Packets/s,"
    "Packet Length Min,Packet Length Max,Packet Length Mean,Packet Length Std,"
    "Packet Length Variance,FIN Flag Count,SYN Flag Count,RST Flag Count,PSH Flag Count,"
    "ACK Flag Count,URG Flag Count,CWR Flag Count,ECE Flag Count,Down/Up Ratio,"
    "Average Packet Size,Fwd Segment Size Avg,Bwd Segment Size Avg,Fwd Bytes/Bulk Avg,"
    "Fwd Packet/Bulk Avg,Fwd Bulk Rate Avg,Bwd Bytes/Bulk Avg,Bwd Packet/Bulk Avg,"
    "Bwd Bulk Rate Avg,Subflow Fwd Packets,Subflow Fwd Bytes,Subflow Bwd Packets,"
    "Subflow Bwd Bytes,FWD Init Win Bytes,Bwd Init Win Bytes,Fwd Act Data Pkts,"
    "Fwd Seg Size Min,Active Mean,Active Std,Active Max,Active Min,Idle Mean,Idle Std,"
    "Idle Max,Idle Min,Label"
)


def test_the_84_columns_in_order() -> None:
    assert ",".join(COLUMNS) == HEADER
    assert len(COLUMNS) == 84


def test_features_fill_every_numeric_column_and_no_other() -> None:
    out = features(np.zeros(3, RECORD))
    assert set(out) == set(NUMERIC)
    assert all(
        values.shape == (3,) and np.isfinite(values).all() for values in out.values()
    )


def test_no_flows_give_no_rows() -> None:
    assert all(values.shape == (0,) for values in features(np.zeros(0, RECORD)).values())
    assert matrix(np.zeros(0, RECORD), NUMERIC).shape == (0, 76)

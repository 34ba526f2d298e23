"""The controller's side in IEC 61131-3 Structured Text, with the numbers of the map filled in.

It decides as `registers.decode` does; a test runs the text and compares.
"""

from __future__ import annotations

import math

from lineproof.core.codes import OUTCOME_CODES
from lineproof.core.station import Outcome
from lineproof.signals.io_map import IoMap
from lineproof.signals.registers.layout import (
    ADDRESS,
    CRC_AT,
    HOLDING,
    HOLDING_WORDS,
    INPUT_WORDS,
    LAYOUT_VERSION,
    Cmd,
    Status,
)

_HOLDING_AT = {register.name: register.address for register in HOLDING}

_TEXT = """\
(* lineproof, register map {layout}: the controller's side of one station.

   Modbus TCP client to {host}:{port}; 32-bit values {words_first}.
{places}
   Read every {poll} ms: function 04, all {input_words} input registers in one request.
   Write every {poll} ms: function 16, all {holding_words} holding registers in one request.
   One request at a time on the connection. While it is down, Input must be all 0.

   Silence is never a pass: Pass is TRUE in one scan at most, and only for a part whose own answer came in time, whole
   and believed. Everything else is reject, and so must be the rest position of the ejector. *)

TYPE
    LP_Input : ARRAY[0..{input_last}] OF WORD;
END_TYPE

TYPE
    LP_Output : ARRAY[0..{holding_last}] OF WORD;
END_TYPE

TYPE
    LP_PartId : ARRAY[0..7] OF WORD;
END_TYPE

(* Two registers as one 32-bit value. *)
FUNCTION LP_Dword : DWORD
VAR_INPUT
    First : WORD;
    Second : WORD;
END_VAR
LP_Dword := SHL(WORD_TO_DWORD({high}), 16) OR WORD_TO_DWORD({low});
END_FUNCTION

(* CRC-32 of IEEE 802.3 over the registers before the checksum, high byte of each first.
   Check: with "12345678" in four registers it gives 16#9AE0DAAF. *)
FUNCTION LP_Crc : DWORD
VAR_INPUT
    Block : LP_Input;
END_VAR
VAR
    Index : INT;
    Shift : INT;
    Crc : DWORD;
END_VAR
Crc := DWORD#16#FFFFFFFF;
FOR Index := 0 TO {crc_last} DO
    Crc := Crc XOR WORD_TO_DWORD(ROL(Block[Index], 8));
    FOR Shift := 1 TO 16 DO
        IF (Crc AND DWORD#16#00000001) <> DWORD#16#00000000 THEN
            Crc := SHR(Crc, 1) XOR DWORD#16#EDB88320;
        ELSE
            Crc := SHR(Crc, 1);
        END_IF;
    END_FOR;
END_FOR;
LP_Crc := NOT Crc;
END_FUNCTION

(* The block is of this layout and in one piece. *)
FUNCTION LP_Whole : BOOL
VAR_INPUT
    Block : LP_Input;
END_VAR
LP_Whole := (Block[{at_layout}] = WORD#16#{layout_version})
    AND (LP_Dword(Block[{at_seq}], Block[{at_seq_2}]) = LP_Dword(Block[{at_copy}], Block[{at_copy_2}]))
    AND (LP_Crc(Block) = LP_Dword(Block[{at_crc}], Block[{at_crc_2}]));
END_FUNCTION

(* The code of the answer to this very trigger, or 0 when there is none that may be believed. *)
FUNCTION LP_Answer : WORD
VAR_INPUT
    Block : LP_Input;
    Seq : DWORD;
    Session : DWORD;
END_VAR
LP_Answer := WORD#16#0000;
IF LP_Whole(Block) THEN
    IF ((Block[{at_status}] AND WORD#16#{valid}) <> WORD#16#0000)
        AND (Seq <> DWORD#16#00000000)
        AND (LP_Dword(Block[{at_seq}], Block[{at_seq_2}]) = Seq)
        AND (LP_Dword(Block[{at_session}], Block[{at_session_2}]) = Session)
        AND (Block[{at_inverse}] = NOT Block[{at_result}])
    THEN
        IF (Block[{at_result}] = WORD#16#{PASS})
            OR (Block[{at_result}] = WORD#16#{FAIL})
            OR (Block[{at_result}] = WORD#16#{REVIEW})
            OR (Block[{at_result}] = WORD#16#{ERROR})
            OR (Block[{at_result}] = WORD#16#{MISSED})
        THEN
            LP_Answer := Block[{at_result}];
        END_IF;
    END_IF;
END_IF;
END_FUNCTION

FUNCTION_BLOCK LP_Station
VAR_INPUT
    Input : LP_Input;       (* the last complete read; all 0 while the connection is down *)
    Run : BOOL;             (* parts are to be inspected *)
    Part : BOOL;            (* rising edge: a part is in position *)
    PartId : LP_PartId;     (* of that part, two characters a word *)
    Recipe : WORD;          (* 0: whatever is active *)
    Reset : BOOL;           (* rising edge: clear latches *)
END_VAR
VAR_OUTPUT
    Output : LP_Output;     (* for the next write *)
    Ready : BOOL;           (* a part may come *)
    Decided : BOOL;         (* one scan: Pass tells what becomes of the part that was triggered *)
    Pass : BOOL;            (* TRUE together with Decided only; FALSE is reject *)
    NotTriggered : BOOL;    (* one scan: the part that just came is not inspected; reject it *)
    Alive : BOOL;           (* the vision system's heartbeat moves *)
    NoAck : BOOL;           (* alarm: a trigger is not acknowledged *)
END_VAR
VAR RETAIN
    TriggerSeq : UDINT;     (* must survive a power cycle: no number is used twice *)
END_VAR
VAR
    Whole : BOOL;
    Valid : BOOL;
    Busy : BOOL;            (* a part waits for its answer *)
    Ack : BOOL;
    PartBefore : BOOL;
    Beat : UINT;
    BeatBefore : WORD;
    Session : DWORD;        (* at the trigger; an answer of another one is not believed *)
    Seq : DWORD;
    Code : WORD;
    Command : WORD;
    Index : INT;
    Watchdog : TON;
    PartTimer : TON;
    AckTimer : TON;
    TriggerLow : TON;
END_VAR

Decided := FALSE;
Pass := FALSE;
NotTriggered := FALSE;

(* 1. Is anybody there? *)
Whole := LP_Whole(Input);
IF Whole AND (Input[{at_beat}] <> BeatBefore) THEN
    BeatBefore := Input[{at_beat}];
    Alive := TRUE;
    Watchdog(IN := FALSE, PT := T#{watchdog}MS);
END_IF;
Watchdog(IN := TRUE, PT := T#{watchdog}MS);
IF Watchdog.Q THEN
    Alive := FALSE;
END_IF;
Valid := Whole AND ((Input[{at_status}] AND WORD#16#{valid}) <> WORD#16#0000);

(* 2. The next part. Trigger must have been low for two writes, or its rise is not seen. *)
TriggerLow(IN := NOT Busy, PT := T#{pause}MS);
Ready := Run AND Alive AND Whole AND TriggerLow.Q AND ((Input[{at_status}] AND WORD#16#{trigger_ready}) <> WORD#16#0000);
IF Part AND NOT PartBefore THEN
    IF Ready THEN
        TriggerSeq := TriggerSeq + 1;
        IF UDINT_TO_DWORD(TriggerSeq) = LP_Dword(Input[{at_seq}], Input[{at_seq_2}]) THEN
            TriggerSeq := TriggerSeq + 1;   (* never the number of a result that still stands *)
        END_IF;
        IF TriggerSeq = 0 THEN
            TriggerSeq := 1;
        END_IF;
        Seq := UDINT_TO_DWORD(TriggerSeq);
        Session := LP_Dword(Input[{at_session}], Input[{at_session_2}]);
        Busy := TRUE;
        Ready := FALSE;
        Ack := FALSE;
    ELSE
        NotTriggered := TRUE;
    END_IF;
END_IF;
PartBefore := Part;

(* 3. Its answer: in time, or reject. {deadline_text} *)
PartTimer(IN := Busy, PT := T#{deadline}MS);
AckTimer(IN := Busy AND ((Input[{at_status}] AND WORD#16#{trigger_ack}) = WORD#16#0000), PT := T#{ack}MS);
NoAck := AckTimer.Q;
IF Busy THEN
    Code := WORD#16#0000;
    IF Valid THEN
        Code := LP_Answer(Input, Seq, Session);
    END_IF;
    IF PartTimer.Q OR NOT Alive THEN
        Decided := TRUE;
        Busy := FALSE;
    ELSIF Code <> WORD#16#0000 THEN
        Pass := Code = WORD#16#{PASS};
        Decided := TRUE;
        Ack := TRUE;
        Busy := FALSE;
    END_IF;
END_IF;
IF Whole AND NOT Valid THEN
    Ack := FALSE;
END_IF;

(* 4. What to write. *)
Command := WORD#16#0000;
IF Run THEN
    Command := Command OR WORD#16#{cmd_enable};
END_IF;
IF Busy THEN
    Command := Command OR WORD#16#{cmd_trigger};
END_IF;
IF Ack THEN
    Command := Command OR WORD#16#{cmd_ack};
END_IF;
IF Reset THEN
    Command := Command OR WORD#16#{cmd_reset};
END_IF;
Beat := Beat + 1;
Output[{hr_cmd}] := Command;
Output[{hr_beat}] := UINT_TO_WORD(Beat);
Output[{hr_high}] := DWORD_TO_WORD(SHR(Seq, 16));
Output[{hr_low}] := DWORD_TO_WORD(Seq AND DWORD#16#0000FFFF);
FOR Index := 0 TO 7 DO
    Output[{hr_part} + Index] := PartId[Index];
END_FOR;
Output[{hr_recipe}] := Recipe;
END_FUNCTION_BLOCK
"""


def structured_text(io_map: IoMap, deadline_ms: float) -> str:
    """Functions and a function block for one station; `deadline_ms` is the line's, from trigger to answer."""
    times = io_map.times
    big = io_map.word_order == "big"
    return _TEXT.format(
        layout=io_map.layout,
        host=io_map.host,
        port=io_map.port,
        words_first="have their high word first" if big else "have their low word first",
        places="\n".join(
            f"   Station {name}: unit {place.unit}, input registers from {place.input_offset}, "
            f"holding registers from {place.holding_offset} (addresses count from 0)."
            for name, place in io_map.stations.items()
        ),
        poll=f"{times.poll_ms:g}",
        deadline=math.ceil(deadline_ms + 2 * times.poll_ms),
        deadline_text=(
            f"The vision system answers within {deadline_ms:g} ms, two polls carry it;\n"
            "   if the part reaches the ejector sooner, this timer must be shorter."
        ),
        watchdog=math.ceil(times.watchdog_ms),
        ack=math.ceil(times.trigger_ack_ms + 2 * times.poll_ms),
        pause=math.ceil(2 * times.poll_ms),
        high="First" if big else "Second",
        low="Second" if big else "First",
        **_words(big=big),
    )


def _words(*, big: bool) -> dict[str, object]:
    """Addresses and patterns."""
    high = _HOLDING_AT["TRIGGER_SEQ"]
    return {
        "input_words": INPUT_WORDS,
        "input_last": INPUT_WORDS - 1,
        "holding_words": HOLDING_WORDS,
        "holding_last": HOLDING_WORDS - 1,
        "crc_last": CRC_AT - 1,
        "layout_version": f"{LAYOUT_VERSION:04X}",
        "at_layout": ADDRESS["LAYOUT_VERSION"],
        "at_status": ADDRESS["STATUS"],
        "at_beat": ADDRESS["VISION_HEARTBEAT"],
        "at_seq": ADDRESS["RESULT_SEQ"],
        "at_seq_2": ADDRESS["RESULT_SEQ"] + 1,
        "at_result": ADDRESS["RESULT"],
        "at_inverse": ADDRESS["RESULT_INV"],
        "at_session": ADDRESS["SESSION_ID"],
        "at_session_2": ADDRESS["SESSION_ID"] + 1,
        "at_copy": ADDRESS["RESULT_SEQ_COPY"],
        "at_copy_2": ADDRESS["RESULT_SEQ_COPY"] + 1,
        "at_crc": ADDRESS["CRC32"],
        "at_crc_2": ADDRESS["CRC32"] + 1,
        "valid": f"{Status.RESULT_VALID:04X}",
        "trigger_ready": f"{Status.TRIGGER_READY:04X}",
        "trigger_ack": f"{Status.TRIGGER_ACK:04X}",
        "cmd_enable": f"{Cmd.TRIGGER_ENABLE:04X}",
        "cmd_trigger": f"{Cmd.TRIGGER:04X}",
        "cmd_ack": f"{Cmd.RESULT_ACK:04X}",
        "cmd_reset": f"{Cmd.RESET_FAULT:04X}",
        "hr_cmd": _HOLDING_AT["CMD"],
        "hr_beat": _HOLDING_AT["PLC_HEARTBEAT"],
        "hr_high": high if big else high + 1,
        "hr_low": high + 1 if big else high,
        "hr_part": _HOLDING_AT["PART_ID"],
        "hr_recipe": _HOLDING_AT["RECIPE_REQ"],
        **{outcome.value: f"{OUTCOME_CODES[outcome]:04X}" for outcome in Outcome},
    }

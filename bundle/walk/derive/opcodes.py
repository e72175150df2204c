"""Numbers of the instructions of CPython's bytecode by version, and what each does to the stack.

The numbers are those of the module `opcode` of 2.7.18, 3.6.15, 3.7.16, 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1 and 3.13.0
(a test holds them against the interpreters that are there); 2.6's are 2.7's except jumps and what was added between them.
Only instructions that stand within an expression are told: all others end a statement, and what was on the stack is forgotten.
"""

from __future__ import annotations

from functools import cache

VERSIONS = ((2, 6), (2, 7), (3, 6), (3, 7), (3, 8), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13))
MAGIC = {
    number: version
    for version, first, last in (
        ((2, 6), 62161, 62161), ((2, 7), 62211, 62211), ((3, 6), 3379, 3379), ((3, 7), 3391, 3394), ((3, 8), 3411, 3413),
        ((3, 9), 3423, 3425), ((3, 10), 3435, 3439), ((3, 11), 3495, 3495), ((3, 12), 3531, 3531), ((3, 13), 3570, 3571),
    )
    for number in range(first, last + 1)
}  # fmt: skip
"""The numbers that files of each version begin with, as released and as its last candidates had them."""
_ROWS = """
LOAD_CONST                   const          100 100 100 100 100 100 100 100 100  83
LOAD_NAME                    name           101 101 101 101 101 101 101 101 101  92
LOAD_FROM_DICT_OR_GLOBALS    name             0   0   0   0   0   0   0   0 175  90
LOAD_GLOBAL                  global         116 116 116 116 116 116 116 116 116  91
LOAD_FAST                    fast           124 124 124 124 124 124 124 124 124  85
LOAD_FAST_CHECK              fast             0   0   0   0   0   0   0   0 127  87
LOAD_FAST_AND_CLEAR          fast             0   0   0   0   0   0   0   0 143  86
LOAD_DEREF                   deref          136 136 136 136 136 136 136 137 137  84
LOAD_CLASSDEREF              deref            0   0 148 148 148 148 148 148   0   0
LOAD_FROM_DICT_OR_DEREF      deref            0   0   0   0   0   0   0   0 176  89
LOAD_FAST_LOAD_FAST          fast2            0   0   0   0   0   0   0   0   0  88
LOAD_ATTR                    attr           105 106 106 106 106 106 106 106 106  82
LOAD_METHOD                  method           0   0   0 160 160 160 160 160   0   0
LOAD_SUPER_ATTR              super            0   0   0   0   0   0   0   0 141  93
BINARY_SUBSCR                subscript       25  25  25  25  25  25  25  25  25   5
STORE_NAME                   to_name         90  90  90  90  90  90  90  90  90 114
STORE_GLOBAL                 to_name         97  97  97  97  97  97  97  97  97 113
STORE_FAST                   to_fast        125 125 125 125 125 125 125 125 125 110
STORE_FAST_STORE_FAST        to_fast2         0   0   0   0   0   0   0   0   0 112
STORE_FAST_LOAD_FAST         to_fast_fast     0   0   0   0   0   0   0   0   0 111
STORE_DEREF                  to_deref       137 137 137 137 137 137 137 138 138 109
STORE_ATTR                   to_attr         95  95  95  95  95  95  95  95  95 108
STORE_SUBSCR                 to_key          60  60  60  60  60  60  60  60  60  39
STORE_MAP                    to_map          54  54   0   0   0   0   0   0   0   0
MAP_ADD                      to_map           0 147 147 147 147 147 147 147 147  95
BUILD_MAP                    map            104 105 105 105 105 105 105 105 105  48
BUILD_CONST_KEY_MAP          keyed            0   0 156 156 156 156 156 156 156  46
BUILD_TUPLE                  list           102 102 102 102 102 102 102 102 102  52
BUILD_LIST                   list           103 103 103 103 103 103 103 103 103  47
BUILD_SET                    list             0 104 104 104 104 104 104 104 104  49
LIST_EXTEND                  extend           0   0   0   0   0 162 162 162 162  81
SET_UPDATE                   extend           0   0   0   0   0 163 163 163 163 107
UNPACK_SEQUENCE              unpack          92  92  92  92  92  92  92  92  92 117
CALL_FUNCTION                call           131 131 131 131 131 131 131   0   0   0
CALL                         call_pair        0   0   0   0   0   0   0 171 171  53
CALL_METHOD                  call_pair        0   0   0 161 161 161 161   0   0   0
CALL_FUNCTION_KW             call_keys      141 141 141 141 141 141 141   0   0   0
CALL_KW                      call_pair_keys   0   0   0   0   0   0   0   0   0  57
KW_NAMES                     keys             0   0   0   0   0   0   0 172 172   0
CALL_FUNCTION_EX             unpacked         0   0 142 142 142 142 142 142 142  54
CALL_FUNCTION_VAR            star           140 140   0   0   0   0   0   0   0   0
CALL_FUNCTION_VAR_KW         stars          142 142   0   0   0   0   0   0   0   0
MAKE_FUNCTION                function       132 132 132 132 132 132 132 132 132  26
MAKE_CLOSURE                 closure        134 134   0   0   0   0   0   0   0   0
SET_FUNCTION_ATTRIBUTE       defaults         0   0   0   0   0   0   0   0   0 106
COMPARE_OP                   compare        106 107 107 107 107 107 107 107 107  58
COPY                         copy             0   0   0   0   0   0   0 120 120  61
SWAP                         swap             0   0   0   0   0   0   0  99  99 115
DUP_TOP                      dup              4   4   4   4   4   4   4   0   0   0
DUP_TOP_TWO                  dup2             0   0   5   5   5   5   5   0   0   0
DUP_TOPX                     dupx            99  99   0   0   0   0   0   0   0   0
ROT_TWO                      rot2             2   2   2   2   2   2   2   0   0   0
ROT_THREE                    rot3             3   3   3   3   3   3   3   0   0   0
ROT_FOUR                     rot4             5   5   0   0   6   6   6   0   0   0
FORMAT_VALUE                 format           0   0 155 155 155 155 155 155 155   0
BUILD_STRING                 joined           0   0 157 157 157 157 157 157 157  51
BUILD_SLICE                  joined         133 133 133 133 133 133 133 133 133  50
BUILD_LIST_UNPACK            joined           0   0 149 149 149   0   0   0   0   0
BUILD_SET_UNPACK             joined           0   0 153 153 153   0   0   0   0   0
BUILD_TUPLE_UNPACK           joined           0   0 152 152 152   0   0   0   0   0
BUILD_MAP_UNPACK             joined           0   0 150 150 150   0   0   0   0   0
BUILD_TUPLE_UNPACK_WITH_CALL joined           0   0 158 158 158   0   0   0   0   0
BUILD_MAP_UNPACK_WITH_CALL   joined           0   0 151 151 151   0   0   0   0   0
EXTENDED_ARG                 more           143 145 144 144 144 144 144 144 144  71
NOP                          0-0              9   9   9   9   9   9   9   9   9  30
RESUME                       0-0              0   0   0   0   0   0   0 151 151 149
PRECALL                      0-0              0   0   0   0   0   0   0 166   0   0
TO_BOOL                      0-0              0   0   0   0   0   0   0   0   0  40
JUMP_IF_FALSE                0-0            111   0   0   0   0   0   0   0   0   0
JUMP_IF_TRUE                 0-0            112   0   0   0   0   0   0   0   0   0
COPY_FREE_VARS               0-0              0   0   0   0   0   0   0 149 149  62
MAKE_CELL                    0-0              0   0   0   0   0   0   0 135 135  94
LIST_TO_TUPLE                0-0              0   0   0   0   0  82  82  82   0   0
POP_TOP                      1-0              1   1   1   1   1   1   1   1   1  32
POP_JUMP_IF_FALSE            1-0              0 114 114 114 114 114 114   0 114  97
POP_JUMP_IF_TRUE             1-0              0 115 115 115 115 115 115   0 115 100
POP_JUMP_IF_NONE             1-0              0   0   0   0   0   0   0   0 129  98
POP_JUMP_IF_NOT_NONE         1-0              0   0   0   0   0   0   0   0 128  99
POP_JUMP_FORWARD_IF_FALSE    1-0              0   0   0   0   0   0   0 114   0   0
POP_JUMP_FORWARD_IF_TRUE     1-0              0   0   0   0   0   0   0 115   0   0
POP_JUMP_FORWARD_IF_NONE     1-0              0   0   0   0   0   0   0 129   0   0
POP_JUMP_FORWARD_IF_NOT_NONE 1-0              0   0   0   0   0   0   0 128   0   0
JUMP_IF_FALSE_OR_POP         1-0              0 111 111 111 111 111 111 111   0   0
JUMP_IF_TRUE_OR_POP          1-0              0 112 112 112 112 112 112 112   0   0
JUMP_FORWARD                 jump           110 110 110 110 110 110 110 110 110  79
LIST_APPEND                  1-0             18  94 145 145 145 145 145 145 145  80
SET_ADD                      1-0              0 146 146 146 146 146 146 146 146 105
DICT_UPDATE                  1-0              0   0   0   0   0 165 165 165 165  69
DICT_MERGE                   1-0              0   0   0   0   0 164 164 164 164  68
LOAD_CLOSURE                 0-1            135 135 135 135 135 135 135 136 136   0
LOAD_BUILD_CLASS             0-1              0   0  71  71  71  71  71  71  71  24
LOAD_LOCALS                  0-1             82  82   0   0   0   0   0   0  87  25
PUSH_NULL                    0-1              0   0   0   0   0   0   0   2   2  34
UNARY_POSITIVE               1-1             10  10  10  10  10  10  10  10   0   0
UNARY_NEGATIVE               1-1             11  11  11  11  11  11  11  11  11  42
UNARY_NOT                    1-1             12  12  12  12  12  12  12  12  12  43
UNARY_INVERT                 1-1             15  15  15  15  15  15  15  15  15  41
UNARY_CONVERT                1-1             13  13   0   0   0   0   0   0   0   0
GET_ITER                     1-1             68  68  68  68  68  68  68  68  68  19
FORMAT_SIMPLE                1-1              0   0   0   0   0   0   0   0   0  14
CONVERT_VALUE                1-1              0   0   0   0   0   0   0   0   0  60
CALL_INTRINSIC_1             1-1              0   0   0   0   0   0   0   0 173  55
SLICE+0                      1-1             30  30   0   0   0   0   0   0   0   0
INPLACE_FLOOR_DIVIDE         2-1             28  28  28  28  28  28  28   0   0   0
BINARY_XOR                   2-1             65  65  65  65  65  65  65   0   0   0
INPLACE_TRUE_DIVIDE          2-1             29  29  29  29  29  29  29   0   0   0
INPLACE_AND                  2-1             77  77  77  77  77  77  77   0   0   0
BINARY_OR                    2-1             66  66  66  66  66  66  66   0   0   0
INPLACE_MULTIPLY             2-1             57  57  57  57  57  57  57   0   0   0
BINARY_LSHIFT                2-1             62  62  62  62  62  62  62   0   0   0
INPLACE_OR                   2-1             79  79  79  79  79  79  79   0   0   0
BINARY_SUBTRACT              2-1             24  24  24  24  24  24  24   0   0   0
INPLACE_ADD                  2-1             55  55  55  55  55  55  55   0   0   0
INPLACE_LSHIFT               2-1             75  75  75  75  75  75  75   0   0   0
INPLACE_MODULO               2-1             59  59  59  59  59  59  59   0   0   0
BINARY_DIVIDE                2-1             21  21   0   0   0   0   0   0   0   0
INPLACE_RSHIFT               2-1             76  76  76  76  76  76  76   0   0   0
BINARY_MULTIPLY              2-1             20  20  20  20  20  20  20   0   0   0
INPLACE_XOR                  2-1             78  78  78  78  78  78  78   0   0   0
INPLACE_SUBTRACT             2-1             56  56  56  56  56  56  56   0   0   0
INPLACE_POWER                2-1             67  67  67  67  67  67  67   0   0   0
BINARY_AND                   2-1             64  64  64  64  64  64  64   0   0   0
BINARY_TRUE_DIVIDE           2-1             27  27  27  27  27  27  27   0   0   0
BINARY_ADD                   2-1             23  23  23  23  23  23  23   0   0   0
BINARY_POWER                 2-1             19  19  19  19  19  19  19   0   0   0
BINARY_MODULO                2-1             22  22  22  22  22  22  22   0   0   0
BINARY_FLOOR_DIVIDE          2-1             26  26  26  26  26  26  26   0   0   0
BINARY_RSHIFT                2-1             63  63  63  63  63  63  63   0   0   0
INPLACE_DIVIDE               2-1             58  58   0   0   0   0   0   0   0   0
BINARY_MATRIX_MULTIPLY       2-1              0   0  16  16  16  16  16   0   0   0
INPLACE_MATRIX_MULTIPLY      2-1              0   0  17  17  17  17  17   0   0   0
BINARY_OP                    2-1              0   0   0   0   0   0   0 122 122  45
IS_OP                        2-1              0   0   0   0   0 117 117 117 117  76
CONTAINS_OP                  2-1              0   0   0   0   0 118 118 118 118  59
FORMAT_WITH_SPEC             2-1              0   0   0   0   0   0   0   0   0  15
SLICE+1                      2-1             31  31   0   0   0   0   0   0   0   0
SLICE+2                      2-1             32  32   0   0   0   0   0   0   0   0
IMPORT_NAME                  2-1            107 108 108 108 108 108 108 108 108  75
BINARY_SLICE                 3-1              0   0   0   0   0   0   0   0  26   4
SLICE+3                      3-1             33  33   0   0   0   0   0   0   0   0
"""
"""Name, what is done (`pops-pushes`, or the name of a step of `followed`), and its number in each version, 0 where there is none."""


@cache
def actions(version: tuple[int, int]) -> tuple[str, ...]:
    """Return what each instruction of a version does, by its number; an empty text where a statement ends."""
    found = [""] * 256
    column = VERSIONS.index(version)
    for row in _ROWS.split("\n"):
        if row:
            _, action, *numbers = row.split()
            number = int(numbers[column])
            if number:
                found[number] = action
    found[0] = "0-0"  # room for the interpreter's own notes, behind many instructions from 3.11 on
    return tuple(found)


def names(version: tuple[int, int]) -> dict[str, int]:
    """Return the number of each instruction that is told of a version."""
    column = VERSIONS.index(version) + 2
    rows = (row.split() for row in _ROWS.split("\n") if row)
    return {row[0]: int(row[column]) for row in rows if row[column] != "0"}

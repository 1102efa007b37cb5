"""How sentences assert, reject and only name a letter. What stands before a letter is matched at
its end, what stands after it at its beginning; both are lower case. English in the main, with the
set phrases of a few other languages.
"""

import re

# Possessive quantifiers (`*+`, `++`, `?+`) give nothing back. With plain ones some texts would take
# time that grows with the square of their length or worse, and an answer can be any text.
_FILLER = (
    r"(?:that|it|is|be|the|a|only|most|more|likely|probably|definitely|clearly|certainly|surely|"
    r"obviously|simply|just|"
    r"indeed|therefore|thus|then|either|both|best|correct|right|final|options?|choices?|letters?|"
    r"answers?|label(?:l?ed)?|"
    r"marked|by|to|me|with|on)"
)
_NOUN = (
    r"(?:answer|option|choice|solution|response|pick|selection|letter|result|match|verdict|guess|"
    r"vote|bet|conclusion|"
    r"candidate|fit|one|correction|respuesta|opción|réponse|antwort|lösung|risposta|resposta|ответ)"
)
_IS = (
    r"(?:is|are|be|being|remains|must be|should be|would be|will be|has to be|es|est|ist|"
    r"lautet|è|é)"
)
_VERB = (
    r"(?:choos(?:e|ing)|chose|pick(?:ed|ing)?|select(?:ed|ing)?|go(?:es|ing)? (?:with|for)|"
    r"went with|opt(?:ing)? for|"
    r"settled? (?:on|for)|say(?:ing)?|guess|conclude|answer(?:ing)?(?: with)?|prefer|vote for|"
    r"lean(?:ing)?(?: towards?)?|points? to(?:wards?)?|pointing to|leav(?:es?|ing)|left with|"
    r"corresponds? to|match(?:es)?|supports?|indicates?|"
    r"suggests?|favou?rs?|confirms?|equals?|believe|think|suspect|mea(?:n|nt))"
)
_WRONG = (
    r"(?:wrong|incorrect|false|inaccurate|invalid|implausible|impossible|improbable|unlikely|"
    r"irrelevant|untrue|mistaken|"
    r"unsupported|ruled out|excluded|eliminated|rejected|dismissed|discarded|discounted|"
    r"crossed out|incorrecta?s?|"
    r"falsch|fausse|faux|неверн\w*|неправильн\w*)"
)
_NOT = r"(?:not|never|cannot|n't|\w+n't|hardly|no longer|nicht|pas|не)"
_ADVERB = (
    r"(?:also|both|all|clearly|however|therefore|thus|then|obviously|definitely|certainly|simply|"
    r"just|probably|likely|"
    r"most|more|too|so|very|either|each|again|hence|still|really|actually|completely|simply|an?|"
    r"the|as|here|by far|"
    r"indeed|only|to|it|option|choice)"
)
_IS_SAID = (
    r"(?:is|are|was|were|be|been|being|would|will|must|should|has|have|had|does|do|did|seems?|"
    r"looks?|appears?|sounds?|"
    r"remains?|es|est|ist|sont|sind|son)"
)
_MAY = r"(?:can|could|may|might)"
_SAME_CLAUSE = (
    r"(?:[^\w,;:.]*+(?:,\s(?:however|though|therefore|of course|on the other hand|too),?\s)?+|"
    rf",\s(?=(?:{_IS_SAID}|{_MAY}|cannot|\w+n't)\s))"
)
"""Between a letter and its predicate; `C, not A` is another clause."""

NO_NEGATION = re.compile(
    r"\b(?:no |without (?:a |any )?|beyond (?:a |any )?)(?:doubt|question)\b|"
    r"\bnot (?:only|just|entirely sure|sure|certain|clear)\b"
)
"""Denies nothing about a letter."""

ASSERTED_BEFORE = re.compile(
    rf"(?:(?:^|\W){_NOUN}s?(?:\W+\w+){{0,5}}?\W+{_IS}|(?:^|\W){_NOUN}s?\W*[:=>→-]|"
    rf"(?:^|\W)(?:shows|depicts|illustrates|represents|describes)\W+(?:the\W+)?(?=(?:option|"
    rf"choice)\W)|"
    rf"(?:^|\W)(?:it|this|that|which|c)(?:'s|'est|\W+{_IS}|\W+(?:can|could) only be)|(?:^|"
    rf"\W){_VERB}|"
    rf"答案|正解|答え|선택|정답|应该?选?|故选|选择?|而是|应为)"
    rf"(?:\s|[:,=>→是为은는は项\"-])*+(?:{_FILLER}\W+)*+\W*$"
)
"""`the answer to this is`, `I choose`, `it must be`."""

LED_BEFORE = re.compile(
    r"(?:^|\W)(?:so|thus|hence|therefore|ergo|finally|lastly|ultimately|rather|instead|actually|"
    r"definitely|clearly|"
    r"obviously|probably|certainly|surely|likely|but|no,|yes,|wait,|in the end|in conclusion|"
    r"overall|all in all)"
    rf"\W+(?:{_FILLER}\W+)*+\W*$"
)
"""`so B`: asserts only if nothing is said about the letter after it."""

CONCLUDED_BEFORE = re.compile(rf"(?:^|\W)(?:so|thus|hence|therefore)\W+(?:{_FILLER}\W+)*+\W*$")
"""`If it had melted, it would be A, but it did not, so B`: what is concluded is no part of the
condition."""

REJECTED_BEFORE = re.compile(
    rf"(?:(?:^|\W|\w(?=n't)){_NOT}\W+(?:(?!and\b)\w+\W+){{0,5}}|"
    r"(?:^|\W)(?:unlike|contrary to)\W+(?:\w+\W+){0,5}|"
    r"(?:^|\W)(?:neither|nor|without|except|excluding|exclud\w+|eliminat\w+|reject\w*|dismiss\w*|"
    r"discard\w*|"
    r"discount\w*|rul\w+\W+out|cross\w*\W+out|drop|ignor\w+|avoid\w*|versus|vs|than|instead of|"
    r"over|besides|against|no|"
    r"anything but|unless)\W+(?:(?:either|both|all|options?|choices?|letters?|for|of|the|as)\W+)*|"
    r"\b(?:wrong|incorrect|false)\W+(?:answers?|options?|choices?|ones?)\W+(?:is|are|"
    r"include)\W+(?:\w+\W+){0,2}|"
    r"(?:不是|不选|并非|排除|而非|不可能是|不应选|不应该选|除了)(?:选项|选择)?\W*|"
    r"(?:^|\W)(?:no es|non è|não é)\W+(?:\w+\W+)?)\W*$"
)
"""`not`, `rule out options`, `rather than`."""

SPARED = re.compile(
    r"(?:\b(?:less|worse|lower|poorer)\W+(?:\w+\W+){0,2}than\W+|"
    rf"\b(?:{_WRONG}|none|nothing|no other(?:\W+\w+){{1,2}})\W+"
    r"(?:except|but|save|apart from|other than|besides)\W+(?:for\W+)?)"
    r"(?:options?\W+|choices?\W+)?\W*$"
)
"""`all are wrong except`, `less likely than`: what follows stays."""

ALL_BUT = re.compile(
    r"\b(?:all|every|everything|each|any)\W+(?:(?:of|the|other|one|options?|choices?|"
    r"answers?)\W+)*+"
    r"(?:except|but|save|apart from|other than|besides)\W+(?:for\W+)?(?:options?\W+|"
    r"choices?\W+)?\W*$"
)
"""`All but`: what is said of the others is not true of this one."""

REJECTED_ALIKE = re.compile(
    rf"\b{_WRONG}\W+(?:and\W+)?(?:so|neither|nor)\W+(?:is|are|does|do|can)\W+(?:option\W+)?$"
)
"""`A is wrong and so is`."""

NOT_WRONG = re.compile(
    rf"^{_SAME_CLAUSE}(?:(?:{_IS_SAID}|{_MAY}|{_ADVERB})\W+){{0,6}}{_NOT}\W+(?:{_ADVERB}\W+|"
    rf"be\W+){{0,3}}{_WRONG}"
)
"""Twice denied."""

REJECTED_AFTER = re.compile(
    rf"^{_SAME_CLAUSE}(?:(?:{_IS_SAID}|{_MAY}|{_ADVERB})\W+){{0,7}}(?:{_NOT}|{_WRONG}|neither|out|"
    rf"less|contradict\w*|mismatch\w*|fails?|"
    r"lacks?|miss(?:es)?|mistakes?|distractors?|bad|worse|no)(?!\w)|^\s*[:–—-]?\s*[✗✘❌×]|^(?:选项|项|"
    r"都|均|也|两个)*(?:是|被)?(?:错|不|排除|有误|非)"
)
"""`is wrong`, `does not fit`, `can be ruled out`."""

AFFIRMED_AFTER = re.compile(
    rf"^{_SAME_CLAUSE}(?:(?:{_IS_SAID}|{_ADVERB}|best|must)\W+){{0,7}}(?:correct|right|true|"
    rf"accurate(?:ly)?|valid|plausible|consistent|"
    r"supported|appropriate|suitable|(?:\w+\W+){0,2}?(?:answer|match|fit|solution)|best|fits?|"
    r"match(?:es)?|works|wins|"
    r"better|likelier|makes? sense|(?:is|does)(?=[^\w\s]|\s*$)|it is|it's|left|stays|remains|"
    r"korrekt|richtig|"
    r"correcta?)(?!\w)|^\s*[:–—-]?\s*[✓✔✅]|^(?:选项|项)?(?:是)?(?:正确|对的?)"
)
"""`is right`, `fits best`, `is the answer`."""

WRONG_LATER = re.compile(rf"\b{_WRONG}(?!\w)|\b{_NOT}\W+(?:correct|right|true|the answer)\b")
OTHERS = re.compile(r"\b(?:others?|rest|remaining|else|distractors|everyone|everything)\b")
"""What is wrong then is not the letter."""

VERDICT = re.compile(
    rf"[:–—-]\s*(?:(?:this|that|it) is )?(?:(?P<wrong>{_WRONG}|no|✗|❌)|(?:correct|right|true|yes|"
    r"✓|✔|✅))\W*$"
)
"""At the end of what follows a label: `A. The lid melts: wrong`."""
HEDGED = re.compile(r"\b(?:if|whether|assuming|suppos(?:e|ing)|had (?:it|the|he|she|they))\b")
BOUNDARY = re.compile(
    r"[,;:–—|]|\s-\s|[，、：]|\b(?:but|so|hence|therefore|thus|because|since|while|whereas|although|"
    r"though|then|"
    r"rather(?! than)|instead(?! of))\b|而是|但|所以|因此"
)
"""Where a clause ends."""
REASON = re.compile(
    r"^(?:\s*$|[^\w\s]|\s+(?:because|since|as|for|due|given|so|but|and|not|rather|instead|"
    r"is it)\b|[^\x00-\u024f])"
)
"""What may follow a letter that stands for itself."""

ANSWER_MARK = re.compile(r"(?:^|(?<=[?.] ))[^\w\n]*+A:[^\w\n]*+(?=[A-Z][^\w\n]*+$)", re.MULTILINE)
"""`A: B` is an answer, as in `Q: ... A: ...`."""
SHARE = re.compile(r"\W*\d{1,3}(?:\.\d+)? ?%")
"""After a letter it says how likely that is."""

LISTED = re.compile(
    r"\s*(?:(?P<comma>[,、，])|(?P<word>(?:,\s*)?(?:and/or|and|or|nor|as well as|plus|y|et|und|"
    r"oder|ou|o|e|и|или)\b|"
    r"[/&+]|[和或与及]))\s*(?:(?:also|either|both|even)\s+)?(?:(?:the\s+)?(?:options?|choices?|"
    r"answers?|letters?)\s+)?"
)
"""Between letters that are named together."""
SINGULAR = re.compile(
    r"\s+(?:is|isn't|was|wasn't|does|doesn't|has|hasn't|fits|matches|shows|contradicts|fails|"
    r"lacks|seems|looks)\b"
)
PREDICATE = re.compile(
    rf"\s+(?:{_IS_SAID}|{_MAY}|cannot|\w+n't|both|all|fits?|match(?:es)?|shows?|contradicts?|"
    rf"fails?|lacks?)\b"
)

RUN_ON = re.compile(
    r"^(\W*[A-Za-z]\)?)[ ]+(?=\([A-Za-z]\)|(?:Options?|Choices?|It|The|Not|Neither|None|"
    r"Therefore|Thus|So|I|This|That|"
    r"Because|Since|Other|All|[A-Z])(?![\w']))"
)
"""A letter, and a sentence after it without a stop between: `A It is not B.`"""
LEAD_IN = re.compile(
    r"(?:\W|\b(?:my|the|final|best|correct|right|i'd say|hmm|well|ok|okay|options?|choices?|"
    r"answers?|letters?)\b)*+"
)
"""Before a letter that begins what is said."""
OPTION_WORD = re.compile(r"(?:option|choice|answer|letter)s?\W*$")
NAME_WORD = re.compile(
    r"\b(?:vitamin|plan|type|class|grade|hepatitis|team|person|player|group|point|step|figure|"
    r"exhibit|room|gate|platform|"
    r"bus|route|side|man|woman|video|clip|scene|section|blood)\s+$"
)
"""The letter after it is a name."""
_NO_NAME = (
    r"(?!(?:is|are|was|be|and|or|nor|not|than|both|either|neither|only|to|from|of|by|with|but|so|"
    r"it|no|yes|the|options?|"
    r"choices?|answers?|letters?)\b)"
)
NAMING = re.compile(rf"(?<![\w'-]){_NO_NAME}([^\W\d_]{{2,30}}) ([A-Z])(?![\w'])")
"""`Cup C`: in an option, the letter is a part of it."""
LETTER_FOLLOWS = re.compile(
    r"(?:is|isn't|was|are|aren't|because|since|as|and|or|nor|but|so|seems|fits|matches|best|would|"
    r"looks|makes|shows|"
    r"describes|states|says|contradicts|cannot|can|can't|does|doesn't|do|has|correctly|accurately|"
    r"if|when|while|whereas|"
    r"though|although|therefore|thus|it|the|this|that|which|due|given|options?|choices?|answers?|"
    r"not|over|rather|instead|"
    r"than|to|wins|works|remains|must|should|could|might|may|will|won't|wouldn't|fails|lacks|"
    r"depicts|incorrectly|both|"
    r"alone|only)"
)
"""After A they tell that it is a letter and no article."""
NAMED = re.compile(
    rf"(?<![\w'])([B-HJ-Z]) (?!{LETTER_FOLLOWS.pattern}\b){_NO_NAME}([^\W\d_]{{2,30}})(?![\w'])"
)
"""`D minor`, alike."""
PRONOUN_FOLLOWS = re.compile(
    r"(?:is|isn't|because|since|fits|matches|describes|or|and|option|shows)"
)
"""After I they tell that it is a letter and no pronoun."""

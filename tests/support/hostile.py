"""Text as an attacker would send it, for every place where the report shows text."""

SCRIPT = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
BREAKOUT = '</script><script>window.pwned = 3</script><!-- --><a href="javascript:window.pwned=4">x</a>'
ATTRIBUTE = '" onmouseover="window.pwned = 5" x=\''
TERMINAL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m"
REVERSED = "gpj.\u202excod\u2066\u200b"
FORMULA = '=HYPERLINK("http://198.51.100.7","x")'
TEMPLATE = "{{ 7 * 7 }}{% raw %}"
MARKUP = "[bold red]x[/] [link=http://198.51.100.7]y[/link]"
TABLE = "a | b `c` **d** <b>e</b>"

ALL = (SCRIPT, BREAKOUT, ATTRIBUTE, TERMINAL, REVERSED, FORMULA, TEMPLATE, MARKUP, TABLE)
EVERYTHING = " ".join(ALL)

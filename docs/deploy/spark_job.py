"""What spark-submit is given where it wants a file: the command line, its words as the job has them."""

from pipeline.cli import main

main()

#!/bin/sh
# One run. It prints something only when a person is wanted: cron mails what is printed.
cd "$(dirname "$0")" || exit 1
keapbridge sync --verbose "$@" >>bridge.log 2>&1
code=$?
case $code in
  0 | 75 | 130) exit 0 ;; # done; later, with the next run; stopped
  3) echo "keapbridge: records failed that had not failed before: keapbridge failures" ;;
  4) echo "keapbridge: a brake holds a run: look at the log, then keapbridge sync --accept NAME" ;;
  *) echo "keapbridge: it cannot run" ;;
esac
tail -n 20 bridge.log
exit $code

// The browser's time zone goes with the sign-in: `at 22:00` typed in the room is meant in it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
for (const field of document.querySelectorAll('input[name="time_zone"]')) field.value = zone

// The browser's time zone comes along with the sign-in, whichever way that takes: `at 22:00` typed in the room is meant in it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
const secure = location.protocol === "https:" ? "; Secure" : ""
if (zone) document.cookie = `time_zone=${zone}; path=/; max-age=86400; SameSite=Lax${secure}`

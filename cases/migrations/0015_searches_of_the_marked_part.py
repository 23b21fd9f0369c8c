from django.db import migrations

# As in 0011; a search of another part of the film than is marked does not count any more.
_FUNCTION = '''
CREATE OR REPLACE FUNCTION cases_note_confidence(case_ids bigint[]) RETURNS void LANGUAGE sql AS $$
    WITH latest AS (
        SELECT DISTINCT ON (s.finding_id, s.image_id)
            s.id, s.finding_id, f.case_id, coalesce(s.confidence, 'uncalibrated') AS word
        FROM findings f
        JOIN searches s ON s.finding_id = f.id
        JOIN case_images i ON i.id = s.image_id
        WHERE f.case_id = ANY(case_ids) AND i.state = 'stored'
            AND (f.region IS NULL OR s.image_id = f.image_id){of_the_part}
        ORDER BY s.finding_id, s.image_id, s.id DESC
    ), first AS (
        SELECT DISTINCT ON (latest.finding_id) latest.case_id, latest.word
        FROM latest
        JOIN results r ON r.search_id = latest.id
        JOIN implants ON implants.id = r.implant_id
        JOIN manufacturers m ON m.id = implants.manufacturer_id
        ORDER BY latest.finding_id, r.similarity DESC, m.name, implants.name, r.id
    ), least AS (
        SELECT case_id, (ARRAY['out_of_catalogue', 'uncalibrated', 'low', 'medium', 'high'])[min(
            array_position(
                ARRAY['out_of_catalogue', 'uncalibrated', 'low', 'medium', 'high'], word::text
            )
        )] AS word
        FROM first GROUP BY case_id
    )
    UPDATE cases SET confidence = coalesce(least.word, '')
    FROM unnest(case_ids) AS asked(id) LEFT JOIN least ON least.case_id = asked.id
    WHERE cases.id = asked.id AND cases.confidence <> coalesce(least.word, '')
$$;

SELECT cases_note_confidence(ARRAY(
    SELECT DISTINCT f.case_id FROM findings f JOIN searches s ON s.finding_id = f.id
    WHERE s.region IS DISTINCT FROM f.region
));
'''


class Migration(migrations.Migration):
    dependencies = [("cases", "0014_altered_answers")]

    operations = [
        migrations.RunSQL(
            _FUNCTION.format(of_the_part=" AND s.region IS NOT DISTINCT FROM f.region"),
            _FUNCTION.format(of_the_part=""),
        ),
    ]

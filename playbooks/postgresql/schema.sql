-- Of one database, run for each: schemas, types, tables, columns, defaults, constraints, indexes,
-- views, functions, triggers, rules, policies, extensions and so on, each as the server itself
-- writes its definition. Objects that belong to an extension come with it. Since 16, a view of one
-- table is written without the table's name before each column, so views and rules are compared
-- without such names, and by what they depend on. Inherited columns come first, as a dump makes
-- them.
SET search_path = pg_catalog;
SET statement_timeout = 0;
SET quote_all_identifiers = off;
-- Constants in definitions are printed by these.
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET timezone = 'UTC';
SET extra_float_digits = 3;
SET bytea_output = 'hex';
SET lc_monetary = 'C';
WITH RECURSIVE own_schema AS (
  SELECT oid, nspname, nspowner FROM pg_namespace
  WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
), extended AS (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), line (kind, name, text) AS (
  SELECT 'schema', nspname, format('owner %I', pg_get_userbyid(nspowner)) FROM own_schema
  UNION ALL
  SELECT 'extension', extname, format('schema %I', extnamespace::regnamespace) FROM pg_extension
  UNION ALL
  SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'c' THEN 'composite type' END,
    c.oid::regclass::text,
    concat_ws('; ', format('owner %I', pg_get_userbyid(relowner)), 'persistence ' || relpersistence::text, 'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o),
      'of ' || nullif(reloftype, 0)::regtype::text, 'access method ' || am.amname, CASE WHEN relkind = 'm' AND NOT relispopulated THEN 'not populated' END, 'tablespace ' || ts.spcname,
      'replica identity ' || relreplident::text, CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'forced' END,
      'partition by ' || CASE WHEN relkind = 'p' THEN pg_get_partkeydef(c.oid) END, 'partition ' || pg_get_expr(relpartbound, c.oid),
      'inherits ' || (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid),
      CASE WHEN relkind IN ('v', 'm') THEN regexp_replace(pg_get_viewdef(c.oid), '("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)\.', '', 'g') END)
  FROM pg_class c JOIN own_schema n ON n.oid = c.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
  WHERE relkind IN ('r', 'p', 'f', 'S', 'v', 'm', 'c') AND NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_class'::regclass AND objid = c.oid)
  UNION ALL
  SELECT 'column', format('%s.%I', attrelid::regclass, attname),
    concat_ws('; ', row_number() OVER (PARTITION BY attrelid ORDER BY attinhcount = 0, attnum), format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid),
      'identity ' || nullif(attidentity::text, ''), 'generated ' || nullif(attgenerated::text, ''), 'collation ' || nullif(attcollation, t.typcollation)::regcollation::text,
      'storage ' || attstorage::text, 'compression ' || nullif(attcompression::text, ''), 'statistics ' || nullif(coalesce(attstattarget, -1), -1), 'options ' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(attoptions) o WHERE o NOT LIKE 'pg\_%'))
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN own_schema n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum
  WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
  UNION ALL
  SELECT 'sequence', seqrelid::regclass::text, concat_ws('; ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle,
      'of ' || (SELECT format('%s.%I', refobjid::regclass, attname) FROM pg_depend d JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = seqrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND deptype IN ('a', 'i')))
  FROM pg_sequence
  UNION ALL
  SELECT 'constraint', format('%s %I', coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text), conname), pg_get_constraintdef(c.oid)
  FROM pg_constraint c JOIN own_schema n ON n.oid = connamespace WHERE contype <> 'n'
  UNION ALL
  SELECT 'index', indexrelid::regclass::text, concat_ws('; ', pg_get_indexdef(indexrelid), CASE WHEN NOT indisvalid THEN 'invalid' END,
      CASE WHEN indisclustered THEN 'clustered' END, CASE WHEN indisreplident THEN 'replica identity' END)
  FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN own_schema n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 'type', format_type(t.oid, NULL), concat_ws('; ', format('owner %I', pg_get_userbyid(typowner)), typtype,
      'labels ' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
      'domain over ' || CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod) END, CASE WHEN typnotnull THEN 'not null' END, 'default ' || typdefault,
      'range of ' || (SELECT rngsubtype::regtype::text FROM pg_range WHERE rngtypid = t.oid))
  FROM pg_type t JOIN own_schema n ON n.oid = typnamespace
  WHERE typtype IN ('e', 'd', 'r') AND NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_type'::regclass AND objid = t.oid)
  UNION ALL
  SELECT 'function', p.oid::regprocedure::text, format('owner %I; %s', pg_get_userbyid(proowner),
      CASE WHEN prokind = 'a' THEN (SELECT format('%s %s %s %s %s %s', aggtransfn, aggfinalfn, aggtranstype::regtype, agginitval, aggkind, aggsortop) FROM pg_aggregate WHERE aggfnoid = p.oid)
        ELSE pg_get_functiondef(p.oid) END)
  FROM pg_proc p JOIN own_schema n ON n.oid = pronamespace
  WHERE NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_proc'::regclass AND objid = p.oid)
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'i')
  UNION ALL
  SELECT 'trigger', format('%s %I', tgrelid::regclass, tgname), format('%s; %s', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL
  SELECT 'event trigger', evtname, concat_ws('; ', format('owner %I', pg_get_userbyid(evtowner)), evtevent, evtfoid::regprocedure, evtenabled, evttags::text) FROM pg_event_trigger
  UNION ALL
  SELECT 'rule', format('%s %I', ev_class::regclass, rulename), format('%s; %s', regexp_replace(pg_get_ruledef(r.oid), '("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)\.', '', 'g'), ev_enabled)
  FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class JOIN own_schema n ON n.oid = relnamespace WHERE rulename <> '_RETURN'
  UNION ALL
  SELECT DISTINCT 'depends', format('%s %I', ev_class::regclass, rulename), pg_describe_object(refclassid, refobjid, refobjsubid)
  FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class JOIN own_schema n ON n.oid = relnamespace
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
  WHERE NOT EXISTS (SELECT FROM extended WHERE extended.classid = 'pg_class'::regclass AND extended.objid = c.oid)
  UNION ALL
  SELECT 'policy', format('%s %I', polrelid::regclass, polname), concat_ws('; ', polcmd, polpermissive,
      (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END, ', ' ORDER BY 1) FROM unnest(polroles) role),
      'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid))
  FROM pg_policy
  UNION ALL
  SELECT 'statistics', stxname, concat_ws('; ', stxrelid::regclass, pg_get_statisticsobjdef(oid)) FROM pg_statistic_ext
  UNION ALL
  SELECT 'publication', pubname, concat_ws('; ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot,
      (SELECT string_agg(format('%s (%s) where %s', prrelid::regclass, prattrs, pg_get_expr(prqual, prrelid)), ', ' ORDER BY prrelid::regclass::text) FROM pg_publication_rel WHERE prpubid = p.oid))
  FROM pg_publication p WHERE pubname <> 'backout_standby'
  UNION ALL
  SELECT 'operator', o.oid::regoperator::text, concat_ws('; ', oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash)
  FROM pg_operator o JOIN own_schema n ON n.oid = oprnamespace WHERE NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_operator'::regclass AND objid = o.oid)
  UNION ALL
  SELECT 'operator class', format('%I.%I using %I', n.nspname, opcname, amname), concat_ws('; ', opcintype::regtype, opcdefault, nullif(opckeytype, 0)::regtype)
  FROM pg_opclass o JOIN own_schema n ON n.oid = opcnamespace JOIN pg_am a ON a.oid = opcmethod WHERE NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_opclass'::regclass AND objid = o.oid)
  UNION ALL
  SELECT 'cast', format('%s as %s', castsource::regtype, casttarget::regtype), concat_ws('; ', nullif(castfunc, 0)::regprocedure, castcontext, castmethod)
  FROM pg_cast c WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_cast'::regclass AND objid = c.oid)
  UNION ALL
  SELECT 'collation', format('%I.%I', n.nspname, collname), concat_ws('; ', collprovider, collisdeterministic, collencoding, collcollate, collctype)
  FROM pg_collation JOIN own_schema n ON n.oid = collnamespace
  UNION ALL
  SELECT 'text search', format('%I.%I', n.nspname, cfgname), (SELECT string_agg(format('%s %s %s', maptokentype, mapseqno, mapdict::regdictionary), ', ' ORDER BY maptokentype, mapseqno) FROM pg_ts_config_map WHERE mapcfg = c.oid)
  FROM pg_ts_config c JOIN own_schema n ON n.oid = cfgnamespace
  UNION ALL
  SELECT 'text search dictionary', format('%I.%I', n.nspname, dictname), concat_ws('; ', dicttemplate::text, dictinitoption) FROM pg_ts_dict d JOIN own_schema n ON n.oid = dictnamespace
  WHERE NOT EXISTS (SELECT FROM extended WHERE classid = 'pg_ts_dict'::regclass AND objid = d.oid)
  UNION ALL
  SELECT 'foreign server', srvname, concat_ws('; ', srvfdw::text, srvtype, srvversion, encode(sha256(convert_to((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(srvoptions) o), 'UTF8')), 'hex')) FROM (SELECT srvname, fdwname AS srvfdw, srvtype, srvversion, srvoptions FROM pg_foreign_server JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw) f
  UNION ALL
  SELECT 'foreign table options', ftrelid::regclass::text, concat_ws('; ', srvname, encode(sha256(convert_to((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(ftoptions) o), 'UTF8')), 'hex'))
  FROM pg_foreign_table JOIN pg_foreign_server ON pg_foreign_server.oid = ftserver
  UNION ALL
  SELECT 'foreign column options', format('%s.%I', attrelid::regclass, attname), encode(sha256(convert_to((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(attfdwoptions) o), 'UTF8')), 'hex')
  FROM pg_attribute WHERE attfdwoptions IS NOT NULL
  UNION ALL
  SELECT 'foreign data wrapper', fdwname, concat_ws('; ', format('owner %I', pg_get_userbyid(fdwowner)), nullif(fdwhandler, 0)::regproc, nullif(fdwvalidator, 0)::regproc, encode(sha256(convert_to((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(fdwoptions) o), 'UTF8')), 'hex'))
  FROM pg_foreign_data_wrapper
  UNION ALL
  SELECT 'user mapping', format('%I on %I', usename, srvname), encode(sha256(convert_to((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(umoptions) o), 'UTF8')), 'hex') FROM pg_user_mappings
  UNION ALL
  SELECT 'comment', format('%s %s', classoid::regclass, pg_describe_object(classoid, objoid, objsubid)), description FROM pg_description
  WHERE objoid >= 16384 AND classoid <> 'pg_extension'::regclass
    AND NOT (classoid = 'pg_publication'::regclass AND objoid IN (SELECT oid FROM pg_publication WHERE pubname = 'backout_standby'))
    -- DROP SUBSCRIPTION leaves the comment behind.
    AND NOT (classoid = 'pg_subscription'::regclass AND objoid NOT IN (SELECT oid FROM pg_subscription WHERE subname <> 'backout_standby'))
    AND NOT EXISTS (SELECT FROM extended WHERE classid = classoid AND objid = objoid)
  UNION ALL
  SELECT 'security label', format('%s', pg_describe_object(classoid, objoid, objsubid)), concat_ws('; ', provider, label) FROM pg_seclabel
)
SELECT kind, current_database(), translate(name, E'\n\r\t', '   '), replace(replace(replace(replace(coalesce(text, ''), '\', '\\'), E'\n', '\n'), E'\r', '\r'), E'\t', '\t') FROM line;
